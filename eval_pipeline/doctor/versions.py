"""Checks of what is installed: Python, and the packages this one was tested with."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from eval_pipeline.doctor.finding import Finding, failed, ok

OLDEST_PYTHON = (3, 11)
LIBRARIES_AHEAD = 16
"""How far the minor version of Dagster's libraries is ahead of its own."""
_OF_DAGSTER = ("dagster-shared", "dagster-pipes", "dagster-graphql", "dagster-webserver")
LIBRARIES = ("dagster-aws", "dagster-postgres", "dagster-celery")


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
    wrong += _apart(installed)
    for message in wrong:
        yield failed("packages", message, fix="install again with --constraint constraints.txt")
    if not wrong:
        yield ok("packages", f"{len(wanted)} packages as wanted, Python {sys.version.split()[0]}")


def _wrong(requirement: Requirement, installed: Callable[[str], str]) -> str | None:
    optional = requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
    # What only those who develop it need is no part of a deployment.
    if optional and requirement.marker is not None and requirement.marker.evaluate({"extra": "dev"}):
        return None
    try:
        version = installed(requirement.name)
    except metadata.PackageNotFoundError:
        return None if optional else f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"


def _apart(installed: Callable[[str], str]) -> Iterator[str]:
    """Dagster's packages that are not of one release: 1.13.27 goes with 0.29.27 of its libraries."""
    try:
        core = Version(installed("dagster"))
    except metadata.PackageNotFoundError:
        return
    libraries = f"0.{core.minor + LIBRARIES_AHEAD}.{core.micro}"
    for names, wanted in ((_OF_DAGSTER, core.public), (LIBRARIES, libraries)):
        for name in names:
            with contextlib.suppress(metadata.PackageNotFoundError):
                if (version := installed(name)) != wanted:
                    yield f"{name} {version} does not go with dagster {core.public}, but {wanted} does"
