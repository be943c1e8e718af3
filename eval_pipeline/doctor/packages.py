"""Checks of the installed versions of Python and of the packages."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from eval_pipeline.doctor.finding import Finding, failed, ok

OLDEST_PYTHON = (3, 11)
LIBRARIES_AHEAD = 16
"""The minor version of Dagster's libraries minus that of Dagster: 1.13.27 is released with 0.29.27."""
_OF_DAGSTER = ("dagster-shared", "dagster-pipes", "dagster-graphql", "dagster-webserver")
LIBRARIES = ("dagster-aws", "dagster-postgres", "dagster-celery")


def check_versions(
    requirements: Sequence[str] | None = None, installed: Callable[[str], str] = metadata.version
) -> Iterator[Finding]:
    """Compare the installed versions with the requirements.

    Args:
        requirements: requirements (PEP 508), by default those in this package's metadata.
        installed: gives the version of a distribution, or raises `PackageNotFoundError`.
    """
    if sys.version_info < OLDEST_PYTHON:
        yield failed("python", sys.version.split()[0], fix="use Python 3.11 or newer")
    parsed = [Requirement(text) for text in (requirements or metadata.requires("eval_pipeline") or ())]
    problems = [problem for requirement in parsed if (problem := _problem(requirement, installed))]
    problems += _mixed_releases(installed)
    for problem in problems:
        yield failed("packages", problem, fix="install again with --constraint constraints.txt")
    if not problems:
        yield ok("packages", f"{len(parsed)} packages as required, Python {sys.version.split()[0]}")


def _problem(requirement: Requirement, installed: Callable[[str], str]) -> str | None:
    optional = requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
    # Packages that only developers need are not part of a deployment.
    if optional and requirement.marker is not None and requirement.marker.evaluate({"extra": "dev"}):
        return None
    try:
        version = installed(requirement.name)
    except metadata.PackageNotFoundError:
        return None if optional else f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} is not {requirement.specifier}"


def _mixed_releases(installed: Callable[[str], str]) -> Iterator[str]:
    """Dagster's packages and libraries that are not of the same release as `dagster`."""
    try:
        core = Version(installed("dagster"))
    except metadata.PackageNotFoundError:
        return
    libraries = f"0.{core.minor + LIBRARIES_AHEAD}.{core.micro}"
    for names, required in ((_OF_DAGSTER, core.public), (LIBRARIES, libraries)):
        for name in names:
            with contextlib.suppress(metadata.PackageNotFoundError):
                if (version := installed(name)) != required:
                    yield f"{name} {version} does not go with dagster {core.public}, but {required} does"
