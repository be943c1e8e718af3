"""`python -m dependencies.worker`: write what a worker needs, everything that the package requires but Dagster.

An extra of a package cannot leave a dependency out, and a second distribution would have to be released with each
version of the first; so a worker's image is made of a list, which pip installs without looking for dependencies.
"""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dependencies.pinned import PROJECT

REQUIREMENTS = Path(__file__).parents[1] / "deploy" / "worker" / "requirements.txt"
_HEAD = """\
# What a worker needs: everything that the package requires, but Dagster. Written by `python -m dependencies.worker`.
#     pip install --no-deps --requirement deploy/worker/requirements.txt eval-pipeline
"""


def worker_requirements() -> str:
    """The file, with the versions that are installed."""
    names, left = set[str](), [PROJECT]
    while left:
        name = left.pop()
        if name in names or name.startswith("dagster"):
            continue
        names.add(name)
        requirements = map(Requirement, metadata.distribution(name).requires or ())
        left += [
            canonicalize_name(each.name)
            for each in requirements
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
    return _HEAD + "".join(f"{name}=={metadata.version(name)}\n" for name in sorted(names - {PROJECT}))


if __name__ == "__main__":
    REQUIREMENTS.write_text(worker_requirements(), encoding="utf-8")
