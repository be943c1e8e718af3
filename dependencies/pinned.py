"""What can be said of the installed packages without asking anybody.

    constraints.txt    a plain version a line, of every package that this one needs here, and of none that it needs
                       nowhere: another Python, or another system, may need more
    installed          at that version, from the index (no URL, no checkout), nothing missing
    licences           known, and none that a work using the package would have to take over

A version that was withdrawn from the index is not seen here: pip says so when it installs one.
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
_NOT_INSTALLED = "needed, and not installed; make install"

Find = Callable[[str], metadata.Distribution]
"""Gives an installed distribution, or raises `PackageNotFoundError`."""


def faults(
    text: str, find: Find = metadata.distribution, environment: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """What is wrong, a sentence each.

    Args:
        text: of constraints.txt.
        find: by default among what is installed here.
        environment: what markers ask for, such as `python_version`, where it is not as here.
    """
    pins, wrong = _pins(text)
    elsewhere = set[str]()
    needed = dict(_needed(find, environment, elsewhere))
    for name, distribution in sorted(needed.items()):
        wrong += [f"{name}: {said}" for said in _of_package(distribution, pins.get(name))]
    unknown = sorted(pins.keys() - needed.keys() - elsewhere)
    return wrong + [f"{name}: in constraints.txt, and nothing needs it" for name in unknown]


def _pins(text: str) -> tuple[dict[str, str], list[str]]:
    pins: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.partition("#")[0].strip()
        if not stripped:
            continue
        found = _PIN.match(stripped)
        if found is None:
            wrong.append(f"constraints.txt, line {number}: {stripped!r} is no plain version; write name==version")
        else:
            pins[canonicalize_name(found["name"])] = found["version"]
    return pins, wrong


def _needed(
    find: Find, environment: Mapping[str, str], elsewhere: set[str]
) -> Iterator[tuple[str, metadata.Distribution | None]]:
    """Everything that the project needs here, with its extra for development; None where it is not installed.

    `elsewhere` is told what it needs with another Python, or on another system.
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
                left += [(canonicalize_name(requirement.name), wanted) for wanted in requirement.extras | {""}]
            elif "extra" not in str(requirement.marker) or (extra and f'extra == "{extra}"' in str(requirement.marker)):
                elsewhere.add(canonicalize_name(requirement.name))


def _of_package(distribution: metadata.Distribution | None, pinned: str | None) -> Iterator[str]:
    if distribution is None:
        yield "needed, and neither installed nor in constraints.txt" if pinned is None else _NOT_INSTALLED
        return
    if pinned is None:
        yield f"needed, and not in constraints.txt; {distribution.version} is installed"
    elif Version(pinned) != Version(distribution.version):
        yield f"{distribution.version} is installed, and {pinned} is pinned; make install"
    if distribution.read_text("direct_url.json") is not None:
        yield "installed from a URL or a folder, not from the index"
    licence = licence_of(distribution.metadata)
    if not licence:
        yield "says nothing of its licence; look, and name it here"
    elif _REFUSED_LICENCE.search(licence):
        yield f"its licence is {licence}, which what uses it would have to take over"


def licence_of(said: metadata.PackageMetadata) -> str:
    """A licence as a package's metadata gives it, in the newest form that it has; empty: none."""
    classifiers = [value for value in said.get_all("Classifier") or () if value.startswith("License ::")]
    named = "; ".join(value.rpartition("::")[2].strip() for value in classifiers)
    newest, oldest = ((said.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
    return newest or named or oldest.partition("\n")[0]
