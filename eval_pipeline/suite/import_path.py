"""What texts in `suite.yaml` name: files, and import paths, the only code a suite may run.

An import path is `package.module:attribute`, or `file.py:attribute`, a file of the suite's folder. Its imports find the
modules beside it, in the suite's folder and in `src/`, before any others.
"""

import ast
import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from eval_pipeline.environment import hold_variables, own_variables
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.suite.code.suite_modules import import_suite_file, import_suite_module, without_prefix
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.wording import near_names
from eval_pipeline.working_folder import in_working_folder

_log = logger_of(__name__)

IMPORT_PATH = re.compile(r"(?:[A-Za-z_][\w.]*|(?:\./)?(?:[\w-]+/)*[\w-]+\.py):[A-Za-z_][\w.]*")


_FORM = "write `package.module:attribute`, or `file.py:attribute` of a file in the suite's folder"
_nothing_imported: ContextVar[bool] = ContextVar("eval_pipeline_nothing_imported", default=False)


def is_import_path(text: str) -> bool:
    """Whether `text` has one of the two forms. `openai:gpt-4o` has the first; `is_code_path` is for names of models."""
    return IMPORT_PATH.fullmatch(text) is not None


def is_code_path(text: str) -> bool:
    """Whether a model's name is an import path, dotted or of a `.py` file, rather than `provider:model`."""
    module, _, _ = text.partition(":")
    return is_import_path(text) and ("." in module)


def checked_import_path(value: str) -> str:
    """`value`, for validators of pydantic models.

    Raises:
        PydanticCustomError: it does not have the form of an import path.
    """
    if not is_import_path(value):
        reason = {"value": value, "fix": "write `package.module:attribute` or `file.py:attribute`"}
        raise PydanticCustomError("import_path", "'{value}' is not an import path", reason)
    return value


def import_problems(path: str, *, folder: Path, field: str) -> list[Problem]:
    """Why `resolve` fails for the import path in `field`; empty if it does not."""
    try:
        resolve(path, folder=folder)
    except InputError as error:
        return [Problem(message=problem.message, fix=problem.fix, field=field) for problem in error.problems]
    return []


def resolve(path: str, *, folder: Path) -> Any:
    """The object that `path` names; `file.py:` paths are relative to `folder`, and modules are looked for there first.

    Raises:
        InputError: the module or the attribute does not exist, or importing the module failed; within
            `nothing_imported`, always, with the problems that can be seen without importing.
    """
    module_name, _, attribute = path.partition(":")
    if _nothing_imported.get():
        raise InputError(_unimported_problems(path, folder))
    try:
        with keeping_settings(module_name):
            if module_name.endswith(".py"):
                module = import_suite_file((folder / module_name).resolve(), folder=folder.resolve())
            else:
                module = import_suite_module(module_name, folder=folder.resolve())
    except (Exception, SystemExit) as error:
        reason = without_prefix(f"importing it failed with {type(error).__name__}: {error}")
        near = _near_file(module_name, folder)
        raise InputError(_problem(path, folder, reason, near, fix=_fix_of(error, module_name))) from error
    value: Any = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            close = near_names(name, dir(value))
            what = "the module" if value is module else attribute.partition(f".{name}")[0]
            message = f"{what} has no attribute {name!r}"
            raise InputError(_problem(path, folder, message, close[0] if close else None))
        value = getattr(value, name)
    return value


@contextlib.contextmanager
def keeping_settings(what: str) -> Iterator[None]:
    """Let the evaluation keep its settings where a module sets their variables as it is imported, and warn."""
    before = own_variables()
    try:
        yield
    finally:
        if changed := hold_variables(before):
            names = ", ".join(changed)
            _log.warning("%s sets %s; the evaluation keeps its values: set them in the shell to change it", what, names)


def suite_file(text: str, *, folder: Path) -> Path:
    """The file that `text` names: absolute, or in the suite's `folder`, or in the working folder.

    The working folder comes second so that a path from an environment variable means what it does in a shell.
    """
    inside, here = folder / Path(text).expanduser(), in_working_folder(Path(text))
    return inside if inside.exists() or not here.exists() else here.resolve()


@contextlib.contextmanager
def nothing_imported() -> Iterator[None]:
    """Import no code of the user's within: import paths are checked as far as files show it."""
    token = _nothing_imported.set(True)
    try:
        yield
    finally:
        _nothing_imported.reset(token)


def _unimported_problems(path: str, folder: Path) -> list[Problem]:
    """What is wrong with an import path of a file, by the file's source; modules are not looked for."""
    module_name, _, attribute = path.partition(":")
    if not module_name.endswith(".py"):
        return []
    file = folder / module_name
    try:
        tree = ast.parse(read_text(file))
    except InputError:
        return [_problem(path, folder, f"there is no file {file}", _near_file(module_name, folder))]
    except (SyntaxError, ValueError) as error:
        return [_problem(path, folder, f"its source cannot be read: {error}", fix=_fix_of(error, module_name))]
    # Attributes that the source gives in another way, such as by `globals()`, are found by importing only.
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    aliases = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    names |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    first = attribute.partition(".")[0]
    if first in names or "*" in names or "__getattr__" in names:
        return []
    close = near_names(first, names)
    return [_problem(path, folder, f"the module has no attribute {first!r}", close[0] if close else None)]


def _fix_of(error: BaseException, module: str) -> str:
    """What to do about an error of importing `module`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"correct the syntax in {error.filename}, line {error.lineno}"
    if isinstance(error, ModuleNotFoundError) and error.name not in (None, module) and module.endswith(".py"):
        return f"install {without_prefix(str(error.name))!r}, or correct the import of it"
    if isinstance(error, FileNotFoundError | ModuleNotFoundError):
        return _FORM
    return "correct the code that runs when it is imported, or give what that needs"


def _near_file(module: str, folder: Path) -> str | None:
    """The file of the suite that a misspelt one probably is."""
    if not module.endswith(".py") or (folder / module).is_file():
        return None
    files = [file.relative_to(folder).as_posix() for file in (folder / module).parent.glob("*.py")]
    return next(iter(near_names(module.removeprefix("./"), files)), None)


def _problem(path: str, folder: Path, message: str, near: str | None = None, *, fix: str = _FORM) -> Problem:
    return Problem(
        message=f"import path {path!r} cannot be used: {message}",
        fix=f"did you mean {near!r}?" if near else fix,
        file=folder,
    )
