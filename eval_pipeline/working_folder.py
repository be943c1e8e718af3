"""The working folder that relative paths are of, which stays the same when an agent changes the process's own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

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
