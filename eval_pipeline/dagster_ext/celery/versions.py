"""Which versions a process has of Python, this package, and what it needs: by them workers are compared with others."""

import contextlib
import sys
from importlib import metadata

from packaging.requirements import Requirement

COMMAND = "eval_pipeline_versions"
_PACKAGE = "eval_pipeline"


def installed_versions() -> dict[str, str]:
    """Name to version, as they are installed at this moment; what is only needed for developing is left out."""
    wanted = [Requirement(text) for text in metadata.requires(_PACKAGE) or ()]
    names = [found.name for found in wanted if found.marker is None or not found.marker.evaluate({"extra": "dev"})]
    versions = {"python": sys.version.split()[0]}
    for name in (_PACKAGE, *names):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
