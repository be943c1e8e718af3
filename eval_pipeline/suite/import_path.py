"""What texts in `suite.yaml` name: files, and import paths, the only code a suite may run.

An import path is `package.module:attribute`, importable as usual, or `file.py:attribute`, a file of the suite's folder,
which may import its neighbours with `from . import …`.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from eval_pipeline.environment import hold_variables, own_variables
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.logs import logger_of

_log = logger_of(__name__)

IMPORT_PATH = re.compile(r"(?:[A-Za-z_][\w.]*|(?:[\w-]+/)*\w+\.py):[A-Za-z_][\w.]*")


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
    """The object that `path` names; `file.py:` paths are relative to `folder`.

    Raises:
        InputError: the module or the attribute does not exist, or importing the module failed.
    """
    module_name, _, attribute = path.partition(":")
    try:
        with keeping_settings(module_name):
            module = (
                _suite_module(folder, module_name)
                if module_name.endswith(".py")
                else importlib.import_module(module_name)
            )
    except (Exception, SystemExit) as error:
        raise InputError(_problem(path, folder, f"importing it failed with {type(error).__name__}: {error}")) from error
    value: Any = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            raise InputError(_problem(path, folder, f"the module has no attribute {name!r}"))
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
    inside = folder / Path(text).expanduser()
    return inside if inside.exists() or not Path(text).exists() else Path(text).resolve()


def source_digest(path: str, *, folder: Path) -> str:
    """Hash of the source that `path` runs: every Python file beside it in its own folder (12 hex digits).

    The folder rather than the file, because an agent is rarely one file, and a version that misses an edit is worse
    than one that changes too often. Source that does not exist has the digest `unknown`; `resolve` raises the reason.
    """
    module_name, _, _ = path.partition(":")
    if module_name.endswith(".py"):
        home = (folder / module_name).parent
    else:
        try:
            spec = importlib.util.find_spec(module_name)
        except (Exception, SystemExit):  # noqa: BLE001 - a package around it is imported, and is the user's
            spec = None
        if spec is None or spec.origin is None:
            return "unknown"
        home = Path(spec.origin).parent
    digest = hashlib.sha256(path.encode())
    for file in sorted(home.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def model_version(name: str, *, folder: Path) -> str:
    """What identifies a model in a hash: its name; for an import path, a digest of its source as well."""
    return f"{name}@{source_digest(name, folder=folder)}" if is_code_path(name) else name


def _suite_module(folder: Path, file_name: str) -> types.ModuleType:
    file = (folder / file_name).resolve()
    if not file.is_file():
        raise FileNotFoundError(file)
    package_name = "eval_pipeline_suite_" + hashlib.sha256(str(file.parent).encode()).hexdigest()[:12]
    if package_name not in sys.modules:
        package = types.ModuleType(package_name, f"The Python files of {file.parent}.")
        package.__path__ = [str(file.parent)]
        sys.modules[package_name] = package
    return importlib.import_module(f"{package_name}.{file.stem}")


def _problem(path: str, folder: Path, message: str) -> Problem:
    return Problem(
        message=f"import path {path!r} cannot be used: {message}",
        fix="write `package.module:attribute`, or `file.py:attribute` of a file in the suite's folder",
        file=folder,
    )
