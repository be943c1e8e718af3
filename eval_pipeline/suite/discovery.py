"""Finding suites: those that ship with the package, and the folders named in `EVAL_PIPELINE_SUITES`."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.settings import SUITES_VARIABLE, PipelineSettings
from eval_pipeline.suite.suite import SUITE_FILE, read_suite_document

SHIPPED = Path(__file__).resolve().parent.parent / "suites"


def suite_folders() -> list[Path]:
    """The folder of every suite to be found, shipped ones first, in order of name."""
    roots = [SHIPPED, *PipelineSettings.from_environment().suites]
    found: dict[Path, None] = {}
    for root in roots:
        found.update(dict.fromkeys(_suites_at(root)))
    return list(found)


def suite_folder(name_or_folder: str) -> Path:
    """The folder of the suite that the user means: a folder with suite.yaml, or one to be found.

    One to be found is meant by its `name:`, or by the name of its folder.

    Raises:
        InputError: neither.
    """
    folder = Path(name_or_folder)
    if (folder / SUITE_FILE).is_file():
        return folder.resolve()
    folders = suite_folders()
    by_name = {found.name: found for found in folders} | {_name(found): found for found in folders}
    if name_or_folder in by_name:
        return by_name[name_or_folder]
    if folder.is_dir():
        return folder.resolve()
    close = difflib.get_close_matches(name_or_folder, list(by_name), n=1)
    suggestion = f"did you mean {close[0]!r}?" if close else f"give a folder, or one of: {', '.join(by_name)}"
    raise InputError(Problem(message=f"no suite {name_or_folder!r}", fix=suggestion))


def folder_of_suite(name: str) -> Path:
    """The folder of the suite with that `name:`, wherever this process was started.

    Raises:
        InputError: there is none.
    """
    found = {_name(folder): folder for folder in suite_folders()}
    if name not in found:
        fix = f"put its folder into the image, and name it in {SUITES_VARIABLE}; there are: {', '.join(found)}"
        raise InputError(Problem(message=f"there is no suite {name!r} here", fix=fix))
    return found[name]


def _name(folder: Path) -> str:
    """The suite's `name:`, or where that cannot be read its folder's, as `eval-pipeline list` shows it."""
    try:
        return str(read_suite_document(folder).data.get("name", folder.name))
    except InputError:
        return folder.name


def _suites_at(root: Path) -> Iterator[Path]:
    if (root / SUITE_FILE).is_file():
        yield root.resolve()
    elif root.is_dir():
        yield from (child.resolve() for child in sorted(root.iterdir()) if (child / SUITE_FILE).is_file())
