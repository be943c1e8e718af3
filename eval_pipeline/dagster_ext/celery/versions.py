"""The installed versions of Python, this package and its dependencies, which the doctor compares between hosts."""

import contextlib
import sys
from importlib import metadata

from packaging.requirements import Requirement

COMMAND = "eval_pipeline_versions"
_PACKAGE = "eval_pipeline"


def installed_versions() -> dict[str, str]:
    """The versions by package, without the packages that only developers need."""
    required = [Requirement(text) for text in metadata.requires(_PACKAGE) or ()]
    names = [each.name for each in required if each.marker is None or not each.marker.evaluate({"extra": "dev"})]
    versions = {"python": sys.version.split()[0]}
    for name in (_PACKAGE, *names):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
