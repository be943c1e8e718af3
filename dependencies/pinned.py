"""Checks of the installed packages that need no network.

    constraints.txt    has one plain version per line, for every package that the project needs here; packages that only
                       another Python or another system needs are allowed, others are not
    installed          each package at that version, from the index (no URL, no checkout), none missing
    licences           known, and none that would apply to a project that uses the package

A version that was withdrawn from the index is not detected here: pip warns when it installs one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
PROJECT, EXTRA = "eval-pipeline", "dev"
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;@]+)$")
_REFUSED_LICENCE = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
_NOT_INSTALLED = "required but not installed; run make install"

Find = Callable[[str], metadata.Distribution]
"""Returns an installed distribution, or raises `PackageNotFoundError`."""


def problems(
    text: str, find: Find = metadata.distribution, environment: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The problems, one sentence each.

    Args:
        text: the content of constraints.txt.
        find: finds a distribution, by default among those installed here.
        environment: values of markers that replace those of this environment, such as `python_version`.
    """
    pins, lines = _pins(text)
    elsewhere = set[str]()
    required = dict(_required(find, environment, elsewhere))
    for name, distribution in sorted(required.items()):
        lines += [f"{name}: {problem}" for problem in _of_package(distribution, pins.get(name))]
    unused = sorted(pins.keys() - required.keys() - elsewhere)
    return lines + [f"{name}: in constraints.txt, but nothing requires it" for name in unused]


def _pins(text: str) -> tuple[dict[str, str], list[str]]:
    pins: dict[str, str] = {}
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.partition("#")[0].strip()
        if not stripped:
            continue
        pin = _PIN.match(stripped)
        if pin is None:
            lines.append(f"constraints.txt, line {number}: {stripped!r} is no plain version; write name==version")
        else:
            pins[canonicalize_name(pin["name"])] = pin["version"]
    return pins, lines


def _required(
    find: Find, environment: Mapping[str, str], elsewhere: set[str]
) -> Iterator[tuple[str, metadata.Distribution | None]]:
    """Everything that the project requires here, with its extra for development; None for what is not installed.

    Adds to `elsewhere` what it requires with another Python or on another system.
    """
    seen, left = set[tuple[str, str]](), [(PROJECT, EXTRA)]
    while left:
        name, extra = left.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            distribution = find(name)
        except metadata.PackageNotFoundError:
            yield name, None
            continue
        if name != PROJECT:
            yield name, distribution
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra}):
                left += [(canonicalize_name(requirement.name), each) for each in requirement.extras | {""}]
            elif "extra" not in str(requirement.marker) or (extra and f'extra == "{extra}"' in str(requirement.marker)):
                elsewhere.add(canonicalize_name(requirement.name))


def _of_package(distribution: metadata.Distribution | None, pinned: str | None) -> Iterator[str]:
    if distribution is None:
        yield "required, but neither installed nor in constraints.txt" if pinned is None else _NOT_INSTALLED
        return
    if pinned is None:
        yield f"required, but not in constraints.txt; {distribution.version} is installed"
    elif Version(pinned) != Version(distribution.version):
        yield f"{distribution.version} is installed, but {pinned} is pinned; run make install"
    if distribution.read_text("direct_url.json") is not None:
        yield "installed from a URL or a folder, not from the index"
    licence = licence_of(distribution.metadata)
    if not licence:
        yield "has no licence in its metadata"
    elif _REFUSED_LICENCE.search(licence):
        yield f"its licence, {licence}, would apply to projects that use it"


def licence_of(package: metadata.PackageMetadata) -> str:
    """The licence in a package's metadata, in the newest form that it has; empty if it has none."""
    classifiers = [value for value in package.get_all("Classifier") or () if value.startswith("License ::")]
    names = "; ".join(value.rpartition("::")[2].strip() for value in classifiers)
    newest, oldest = ((package.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
    return newest or names or oldest.partition("\n")[0]
