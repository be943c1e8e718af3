"""The versions of installed packages that imported modules are of, with all that these packages require."""

import functools
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages. What is elsewhere is the user's, and covered by its content."""
_NOT_COVERED = frozenset({"eval-pipeline"})
"""Its own versions of results say what changes with it."""


def is_installed(location: Path) -> bool:
    """Whether a module or package lies where packages are installed."""
    return any(part in INSTALLED for part in location.parts)


def installed_versions(name: str, location: Path) -> dict[str, str]:
    """By name, the versions of the packages that the top-level module `name` is of, and of what they require.

    Empty for a module that no package has installed.
    """
    folder = next(parent for parent in location.parents if parent.name in INSTALLED)
    versions: dict[str, str] = {}
    left = [(each, folder) for each in _packages_with(name, folder)]
    while left:
        package, place = left.pop()
        described = None if package in versions or package in _NOT_COVERED else _described(package, place)
        if described is not None:
            versions[package], required = described
            left += [(each, place) for each in required]
    return versions


def _packages_with(name: str, folder: Path) -> list[str]:
    same = canonicalize_name(name)
    return (
        [same]
        if same in _info_folders(folder, _changed(folder))
        else _by_module(folder, _changed(folder)).get(name, [])
    )


def _described(package: str, folder: Path) -> tuple[str, tuple[str, ...]] | None:
    """The version of a package and the names of what it requires here; None if it is not installed."""
    info = _info_folders(folder, _changed(folder)).get(package)
    try:
        if info is None:  # it is installed elsewhere
            other = distribution(package)
            return other.version, tuple(_required(other.requires or []))
        metadata = info / "METADATA"
        return _read(metadata, metadata.stat().st_mtime_ns)
    except (PackageNotFoundError, OSError):
        return None


@functools.lru_cache(maxsize=1024)
def _read(metadata: Path, _changed: int) -> tuple[str, tuple[str, ...]]:
    with metadata.open("rb") as file:
        headers = BytesHeaderParser().parse(file)
    return str(headers["Version"]), tuple(_required(headers.get_all("Requires-Dist", [])))


def _required(lines: list[str]) -> Iterator[str]:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def _changed(folder: Path) -> int:
    return folder.stat().st_mtime_ns


@functools.lru_cache(maxsize=16)
def _info_folders(folder: Path, _changed: int) -> dict[str, Path]:
    """By the name of a package, its metadata."""
    infos = sorted(folder.glob("*.dist-info"))
    return {canonicalize_name(info.name.removesuffix(".dist-info").rpartition("-")[0]): info for info in infos}


@functools.lru_cache(maxsize=16)
def _by_module(folder: Path, changed: int) -> dict[str, list[str]]:
    """By the name of a top-level module, the packages that have files in it."""
    packages: dict[str, list[str]] = {}
    for package, info in _info_folders(folder, changed).items():
        try:
            lines = (info / "RECORD").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        for top in {line.partition(",")[0].partition("/")[0].removesuffix(".py") for line in lines}:
            packages.setdefault(top, []).append(package)
    return packages
