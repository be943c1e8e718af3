"""The working folder that relative paths are of, which stays the same when an agent changes the process's own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

_M = TypeVar("_M", bound=BaseModel)

_held_folder: Path | None = None


@contextlib.contextmanager
def hold_working_folder() -> Iterator[None]:
    """Within it, relative paths are of the present working folder, wherever an agent changes to (`os.chdir`)."""
    global _held_folder  # noqa: PLW0603 - the working folder belongs to the process, too
    before, _held_folder = _held_folder, Path.cwd()
    try:
        yield
    finally:
        _held_folder = before


def working_folder() -> Path:
    """The folder that relative paths are of."""
    return _held_folder or Path.cwd()


def in_working_folder(path: Path) -> Path:
    """`path`, absolute if an agent has changed the process's working folder meanwhile."""
    if _held_folder is None or path.is_absolute():
        return path
    try:
        changed = Path.cwd() != _held_folder
    except FileNotFoundError:  # the folder that it changed to was removed
        changed = True
    return _held_folder / path if changed else path


def with_paths_in_working_folder(settings: _M) -> _M:
    """`settings`, whose paths are absolute if an agent has changed the process's working folder meanwhile."""
    paths = {name: value for name in type(settings).model_fields if isinstance(value := getattr(settings, name), Path)}
    moved = {name: placed for name, path in paths.items() if (placed := in_working_folder(path)) != path}
    return settings.model_copy(update=moved) if moved else settings
