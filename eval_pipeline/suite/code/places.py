"""Where the modules are that a suite's code imports: in its folder, in the project around it, or on `sys.path`."""

import functools
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval_pipeline.working_folder import working_folder

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "langgraph.json")
_SUFFIXES = (*importlib.machinery.EXTENSION_SUFFIXES, *importlib.machinery.SOURCE_SUFFIXES)
_EDITABLE = "__editable__"
"""How the finders of editable installations are called, which `sys.path` knows nothing of."""

added_to_path: set[str] = set()
"""What suites' modules have added to `sys.path`. Versions may not depend on whether they were imported already."""


@dataclass(frozen=True, kw_only=True)
class ModulePlace:
    """Where a module is."""

    file: Path | None
    """None for a namespace package."""
    folders: tuple[Path, ...] = ()
    """Where a package's modules are looked for; empty for a module."""

    @property
    def location(self) -> Path:
        """The module's file, or the package's folder."""
        return self.folders[0] if self.folders or self.file is None else self.file


def find_in(root: Path, name: str) -> ModulePlace | None:
    """The module `name` directly in `root`, by Python's rules."""
    package = root / name
    if (package / "__init__.py").is_file():
        return ModulePlace(file=package / "__init__.py", folders=(package,))
    for suffix in _SUFFIXES:
        if (file := root / f"{name}{suffix}").is_file():
            return ModulePlace(file=file)
    return ModulePlace(file=None, folders=(package,)) if package.is_dir() else None


def find_own(name: str, *, importer: Path, home: Path) -> ModulePlace | None:
    """The top-level module `name` among those of a suite or its project, for an import in the file `importer`.

    They go before installed ones, as for a script that is run by itself; folders without `__init__.py` do not, and
    those of the project around the suite do not either. What is importable anyway is not imported a second time.

    Args:
        name: without dots.
        importer: the file with the import.
        home: the folder that the file's modules are named by: the suite's, or the project's.
    """
    first = _first(name, _own_roots(importer, home))
    if first is not None and first.file is not None:
        other = find_elsewhere(name)
        return None if other is not None and other.location == first.location else first
    if is_elsewhere(name):
        return None
    return first or _first(name, _last_roots(importer, home))


def find_elsewhere(name: str) -> ModulePlace | None:
    """The top-level module `name` on `sys.path`, or of an editable installation. Nothing is imported."""
    path = [entry for entry in sys.path if entry not in added_to_path]
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    for finder in sys.meta_path if spec is None else ():
        if getattr(finder, "__module__", "").startswith(_EDITABLE):
            spec = finder.find_spec(name, None)
    if spec is None:
        return None
    file = Path(spec.origin) if spec.has_location and spec.origin else None
    return ModulePlace(file=file, folders=tuple(map(Path, spec.submodule_search_locations or ())))


def is_elsewhere(name: str) -> bool:
    """Whether the interpreter, or an installed or local package, has the top-level module `name`."""
    return name in sys.stdlib_module_names or name in sys.builtin_module_names or find_elsewhere(name) is not None


def home_of(location: Path, *, near: Path) -> Path:
    """The folder that the module at `location` is named by: `near` if it is in there, or else its project's."""
    if location.is_relative_to(near):
        return near
    projects = (project for project in _projects(near) if location.is_relative_to(project))
    return next(projects, location.parent)


def _first(name: str, roots: Iterator[Path]) -> ModulePlace | None:
    namespace = None
    for root in roots:
        place = find_in(root, name)
        if place is not None and place.file is not None:
            return place
        namespace = namespace or place
    return namespace


def _own_roots(importer: Path, home: Path) -> Iterator[Path]:
    root = importer.parent
    while root != home and root.is_relative_to(home) and (root / "__init__.py").is_file():
        root = root.parent
    yield root
    yield home
    yield home / "src"
    yield from (parent for parent in importer.parents if parent.name == "src" and parent.is_relative_to(home))


def _last_roots(importer: Path, home: Path) -> Iterator[Path]:
    yield importer.parent
    for project in _projects(home):
        yield project
        yield project / "src"


def _projects(home: Path) -> Iterator[Path]:
    yield _project_of(home)
    yield working_folder()


@functools.lru_cache(maxsize=256)
def _project_of(folder: Path) -> Path:
    """The nearest folder around it that holds a project's file; itself if none does."""
    named = (each for each in (folder, *folder.parents) if any((each / file).is_file() for file in _PROJECT_FILES))
    return next(named, folder)
