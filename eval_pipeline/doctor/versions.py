"""Checks of what is installed: Python, and the packages this one was tested with.

Belongs here: comparing versions. Does not belong here: which versions are wanted (`pyproject.toml`).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement

from eval_pipeline.doctor.finding import Finding, failed, ok

OLDEST_PYTHON = (3, 11)


def check_versions(
    requirements: Sequence[str] | None = None, installed: Callable[[str], str] = metadata.version
) -> Iterator[Finding]:
    """Compare what is installed with what this package wants.

    Args:
        requirements: what is wanted (PEP 508), by default this package's own metadata.
        installed: gives a distribution's version, or raises `PackageNotFoundError`.
    """
    if sys.version_info < OLDEST_PYTHON:
        yield failed("python", sys.version.split()[0], fix="use Python 3.11 or newer")
    wanted = [Requirement(text) for text in (requirements or metadata.requires("eval_pipeline") or ())]
    wrong = [found for requirement in wanted if (found := _wrong(requirement, installed))]
    for message in wrong:
        yield failed("packages", message, fix="install again with --constraint constraints.txt")
    if not wrong:
        yield ok("packages", f"{len(wanted)} packages as wanted, Python {sys.version.split()[0]}")


def _wrong(requirement: Requirement, installed: Callable[[str], str]) -> str | None:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return None
    try:
        version = installed(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"
