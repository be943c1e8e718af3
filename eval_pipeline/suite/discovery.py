"""Find suites: those that ship with the package, and those in the folders of `EVAL_PIPELINE_SUITES`."""

from collections.abc import Iterator
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.settings import SUITES_VARIABLE, PipelineSettings
from eval_pipeline.suite.suite import SUITE_FILE, read_suite_document
from eval_pipeline.wording import nearest

SHIPPED = Path(__file__).resolve().parent.parent / "suites"


def suite_folders() -> list[Path]:
    """The folders of all suites, shipped ones first, sorted by name.

    Raises:
        InputError: a folder that `EVAL_PIPELINE_SUITES` names does not exist.
    """
    named = PipelineSettings.from_environment().suites
    problems = [
        Problem(message=f"there is no folder {folder}", fix="correct the path", field=SUITES_VARIABLE)
        for folder in named
        if not folder.is_dir()
    ]
    if problems:
        raise InputError(problems)
    roots = [SHIPPED, *named]
    folders: dict[Path, None] = {}
    for root in roots:
        folders.update(dict.fromkeys(_suites_at(root)))
    return list(folders)


def suite_folder(name_or_folder: str) -> Path:
    """The folder of a suite, given as a folder with suite.yaml, as the suite's `name:`, or as the name of its folder.

    Raises:
        InputError: there is no such suite.
    """
    folder = Path(name_or_folder)
    if (folder / SUITE_FILE).is_file():
        return folder.resolve()
    folders = suite_folders()
    by_name = {each.name: each for each in folders} | {_name(each): each for each in folders}
    if name_or_folder in by_name:
        return by_name[name_or_folder]
    if folder.is_dir():
        return folder.resolve()
    fix = nearest(name_or_folder, by_name).replace("use one of", "give a folder, or one of:")
    raise InputError(Problem(message=f"no suite {name_or_folder!r}", fix=fix))


def folder_of_suite(name: str) -> Path:
    """The folder of the suite with this `name:`, independent of the working folder.

    Raises:
        InputError: there is no such suite.
    """
    by_name = {_name(folder): folder for folder in suite_folders()}
    if name not in by_name:
        fix = f"put its folder into the image, and name it in {SUITES_VARIABLE}; suites found: {', '.join(by_name)}"
        raise InputError(Problem(message=f"there is no suite {name!r} here", fix=fix))
    return by_name[name]


def _name(folder: Path) -> str:
    """The suite's `name:`, or the name of its folder if suite.yaml cannot be read."""
    try:
        return str(read_suite_document(folder).data.get("name", folder.name))
    except InputError:
        return folder.name


def _suites_at(root: Path) -> Iterator[Path]:
    if (root / SUITE_FILE).is_file():
        yield root.resolve()
    elif root.is_dir():
        yield from (child.resolve() for child in sorted(root.iterdir()) if (child / SUITE_FILE).is_file())
