"""Importing a suite's own modules: each suite has its own of a name, and code in them runs as it does by itself.

Modules of a folder are in `sys.modules` under a package that is named by a hash of the folder. Their imports look for
modules of the suite first, at any time, so that no folder has to be put into `sys.path`, which all suites share.
"""

import builtins
import contextlib
import hashlib
import importlib
import importlib.machinery
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import override

from eval_pipeline.suite.code.places import ModulePlace, added_to_path, find_own, home_of

_PREFIX = "eval_pipeline_suite_"
_PACKAGE = re.compile(rf"{_PREFIX}[0-9a-f]{{12}}\.")
_builtins: list[dict[str, Any]] = []
"""Those of each module of a suite."""
_homes: dict[str, Path] = {}
"""By the name of its package, each folder whose modules were imported."""
_sources: dict[Path, tuple[int, int]] = {}
"""Each imported file, with its state when it was imported."""


def import_suite_file(file: Path, *, folder: Path) -> types.ModuleType:
    """The module of a Python file of the suite in `folder`.

    Raises:
        FileNotFoundError: there is no such file.
        Exception: whatever its code raises.
    """
    if not file.is_file():
        raise FileNotFoundError(file)
    return _import(_name_of(ModulePlace(file=file), near=folder))


def import_suite_module(name: str, *, folder: Path) -> types.ModuleType:
    """The module with a dotted name: of the suite in `folder`, of the project around it, or any other.

    Raises:
        ModuleNotFoundError: there is none.
        Exception: whatever its code raises.
    """
    own = _own_name(name, importer=folder / "suite.yaml", home=folder)
    return importlib.import_module(name) if own is None else _import(own)


def forget_changed_modules() -> None:
    """Forget all modules of suites if the file of one changed, so that those imported next are as they are written.

    Called where a suite is read: what is evaluated is then what its version says, also in a notebook or a server.
    Objects that are in use stay what they are.
    """
    changed = False
    for file, state in list(_sources.items()):
        with contextlib.suppress(OSError):  # a file that is gone runs as it was
            changed = changed or _state_of(file) != state
    if changed:
        _sources.clear()
        for name in [each for each in sys.modules if each.startswith(_PREFIX)]:
            del sys.modules[name]


def without_prefix(message: str) -> str:
    """A message about modules, with the names that the user's code has for them."""
    return _PACKAGE.sub("", message)


def _import(name: str) -> types.ModuleType:
    if name not in sys.modules:
        importlib.invalidate_caches()  # the file may have been written a moment ago
    return importlib.import_module(name)


def _name_of(place: ModulePlace, *, near: Path) -> str:
    """The name in `sys.modules`: one for each file, whichever way it is imported."""
    location = place.location
    home = home_of(location, near=near)
    parts = location.relative_to(home).with_suffix("").parts if not place.folders else location.relative_to(home).parts
    if any("." in part for part in parts):
        home, parts = location.parent, (location.name if place.folders else location.stem,)
    return ".".join([_package_of(home), *parts])


def _package_of(home: Path) -> str:
    name = _PREFIX + hashlib.sha256(str(home).encode()).hexdigest()[:12]
    if name not in sys.modules:
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
        package = types.ModuleType(name, f"The Python files of {home}.")
        package.__path__ = [str(home)]
        _homes[name] = home
        sys.modules[name] = package
    return name


def _own_name(name: str, *, importer: Path, home: Path) -> str | None:
    """The name in `sys.modules` of the suite's own module that `importer` calls `name`; None if it has none."""
    top, *inner = name.split(".")
    place = find_own(top, importer=importer, home=home) if top.isidentifier() else None
    return None if place is None else ".".join([_name_of(place, near=home), *inner])


class _SuiteFinder:
    """Finds the modules of suites, which have a loader of their own."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The specification of a suite's module; None for any other."""
        if not name.startswith(_PREFIX):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _SuiteLoader(name, spec.loader.path, home=_homes[name.partition(".")[0]])
        return spec


class _SuiteLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from its source, and lets its imports look for modules of the suite first."""

    def __init__(self, name: str, path: str, *, home: Path) -> None:
        super().__init__(name, path)
        self._home = home

    @override
    def path_stats(self, path: Any) -> Mapping[str, Any]:
        # Bytecode is compared by whole seconds and size, so that it can be of an older source.
        raise OSError(path)

    @override
    def exec_module(self, module: types.ModuleType) -> None:
        own = _import_of(Path(self.path), self._home)
        own_builtins = {**vars(builtins), "__import__": own}  # a plain copy: anything else slows every look-up
        module.__dict__["__builtins__"] = own_builtins
        _builtins.append(own_builtins)
        before = set(sys.path)
        with contextlib.suppress(OSError):
            _sources[Path(self.path)] = _state_of(Path(self.path))
        try:
            super().exec_module(module)
        finally:
            added_to_path.update(set(sys.path) - before)
            _see_installed_builtins()


def _state_of(file: Path) -> tuple[int, int]:
    """What differs after a change: time (nanoseconds) and size."""
    state = file.stat()
    return state.st_mtime_ns, state.st_size


def _see_installed_builtins() -> None:
    """Give modules of suites what was installed among the builtins meanwhile, as `gettext.install` does."""
    for own in _builtins:
        if len(own) < len(vars(builtins)):
            own.update({name: value for name, value in vars(builtins).items() if name not in own})


class _OwnImportlib(types.ModuleType):
    """`importlib` as a module of a suite sees it: `import_module`, too, looks for modules of the suite first."""

    def __init__(self, import_module: Callable[..., Any]) -> None:
        super().__init__("importlib")
        self.import_module = import_module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)


def _import_of(file: Path, home: Path) -> Callable[..., Any]:
    """The `__import__` of the module in `file`."""
    looked_up: dict[str, str | None] = {}

    def own_name(name: str) -> str | None:
        if name not in looked_up:
            looked_up[name] = _own_name(name, importer=file, home=home)
        return looked_up[name]

    def import_module(name: str, package: str | None = None) -> Any:
        own = None if name.startswith((".", _PREFIX)) else own_name(name)
        return importlib.import_module(own or name, package)

    own_importlib = _OwnImportlib(import_module)

    def own_import(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names that Python calls it with
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        own = own_name(name) if level == 0 else None
        if own is not None and fromlist:
            return builtins.__import__(own, globals, locals, fromlist)
        if own is not None:  # `import a.b` binds `a`
            importlib.import_module(own)
            return importlib.import_module(own_name(name.partition(".")[0]) or own)
        imported = builtins.__import__(name, globals, locals, fromlist or (), level)
        return own_importlib if imported is importlib else imported

    return own_import


_FINDER = _SuiteFinder()
