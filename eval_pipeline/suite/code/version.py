"""The version of a suite's code: a digest of all that running an import path depends on, read from the source.

Covered are, by content, the modules of the user that it imports, at once or later, with the files that they name, and,
by version, the installed packages. Nothing is imported for it, so that it is the same in every process.
"""

import functools
import glob
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval_pipeline.errors import Problem
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.code.packages import installed_versions, is_installed
from eval_pipeline.suite.code.places import ModulePlace, find_elsewhere, find_in, find_own, home_of, is_elsewhere
from eval_pipeline.suite.code.source_facts import ImportedName, SourceFacts, source_facts
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.working_folder import working_folder

UNKNOWN = "unknown"
"""The version of a module that does not exist."""
_SMALL = 1_000_000
_MOST_FILES = 1_000
"""The most files that a pattern covers."""
_OUTPUTS = frozenset({".log", ".db", ".sqlite", ".sqlite3", ".lock", ".pid", ".pyc"})
"""Files that programs write, which change from run to run."""
_CHOOSES_MODEL = "MODEL"
"""Environment variables with this in their name are covered."""
_OWN = "eval_pipeline"
_PACKAGE = Path(__file__).parents[2]
"""Of this package, only the code of its suites is covered: versions of results say what changes with the rest."""


@dataclass(frozen=True, kw_only=True)
class CoveredCode:
    """What the version of some code covers."""

    files: Mapping[str, str] = field(default_factory=dict)
    """By name, relative to the suite, the digests of modules and of files that they name."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """By name, the versions of installed packages."""
    missing: Sequence[str] = ()
    """Modules that are imported and are not there."""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    """The values of environment variables that name models."""
    other_variables: Sequence[str] = ()
    """Environment variables that it reads and that are not covered."""

    @property
    def digest(self) -> str:
        """12 hex digits."""
        return digest(self.files, self.packages, self.missing, self.variables)[:12]


def source_digest(
    path: str, *, folder: Path, version_files: Sequence[str] = (), search_paths: Sequence[Path] = ()
) -> str:
    """A digest of what `covered_code` returns (12 hex digits).

    Source that does not exist has the digest `unknown`; `resolve` raises the reason.
    """
    covered = covered_code(path, folder=folder, version_files=version_files, search_paths=search_paths)
    return UNKNOWN if covered is None else digest(path, covered.digest)[:12]


def covered_code(
    path: str, *, folder: Path, version_files: Sequence[str] = (), search_paths: Sequence[Path] = ()
) -> CoveredCode | None:
    """What the version of the import path `path` covers; None if there is no such module.

    Args:
        path: `file.py:attribute` or `package.module:attribute`.
        folder: the suite's.
        version_files: patterns of further files; those that begin with `!` are left out.
        search_paths: folders that are in `sys.path` when it runs, besides those that are now.
    """
    folder = folder.resolve()
    left_out = [pattern[1:] for pattern in version_files if pattern.startswith("!")]
    walk = _Walk(folder, left_out=left_out, search_paths=search_paths)
    module, _, _ = path.partition(":")
    if module.endswith(".py"):
        file = (folder / module).resolve()
        if not file.is_file():
            return None
        walk.add(ModulePlace(file=file))
    else:
        importer = folder / "suite.yaml"
        if not walk.import_module(ImportedName(module=module), importer=importer, home=folder):
            return None
    walk.add_files(pattern for pattern in version_files if not pattern.startswith("!"))
    return walk.covered()


def model_version(name: str, *, folder: Path) -> str:
    """What identifies a model in a hash: its name; for an import path, a digest of its source as well."""
    return f"{name}@{source_digest(name, folder=folder)}" if is_code_path(name) else name


def files_digest(patterns: Sequence[str], *, folder: Path) -> str | None:
    """A digest of the files of `version_files`; None without patterns."""
    walk = _Walk(folder, left_out=[pattern[1:] for pattern in patterns if pattern.startswith("!")])
    walk.add_files(pattern for pattern in patterns if not pattern.startswith("!"))
    return walk.covered().digest if walk.patterns else None


def missing_files(patterns: Sequence[str], *, folder: Path) -> Iterator[Problem]:
    """A problem for each pattern of `version_files` that no file matches."""
    for pattern in patterns:
        walk = _Walk(folder, left_out=())
        walk.add_files([pattern.removeprefix("!")])
        if not walk.covered().files:
            yield Problem(
                message=f"no file matches {pattern!r}", fix="correct it, or leave it out", field="version_files"
            )


def registered_version(kind: type, *, folder: Path) -> str | None:
    """A digest of the source of a class that another package registers; None for the built-in ones."""
    if kind.__module__.partition(".")[0] == _OWN:
        return None
    return source_digest(f"{kind.__module__}:{kind.__qualname__}", folder=folder)


def named_in(value: Any, *, folder: Path) -> dict[str, str]:
    """By text, the digests of the import paths and of the suite's files that options or arguments name."""
    return dict(_named_in(value, folder))


def _named_in(value: Any, folder: Path) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _named_in(item, folder)
    elif isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable():  # noqa: PLR2004 - names of files
        if is_code_path(value):
            yield value, source_digest(value, folder=folder)
        elif "." in value and (folder / value).is_file():
            yield value, _file_digest(folder / value)


class _Walk:
    """Follows imports from one module to all that it depends on."""

    def __init__(self, folder: Path, *, left_out: Sequence[str], search_paths: Sequence[Path] = ()) -> None:
        self._folder, self._left_out = folder.resolve(), left_out
        self._files: dict[Path, str] = {}
        self._packages: dict[str, str] = {}
        self._missing: set[str] = set()
        self._variables: set[str] = set()
        self._facts: dict[Path, SourceFacts] = {}
        self._search_paths = [*search_paths]
        self.patterns: list[str] = []

    def covered(self) -> CoveredCode:
        """All that was reached."""
        files: dict[str, str] = {}
        for file, content in sorted({**self._files, **self._data_files()}.items()):
            name = self._named(file)
            files[name] = digest(files[name], content) if name in files else content
        models = sorted(name for name in self._variables if _CHOOSES_MODEL in name.upper())
        return CoveredCode(
            files=dict(sorted(files.items())),
            packages=dict(sorted(self._packages.items())),
            missing=sorted(self._missing),
            variables={name: os.environ.get(name) for name in models},
            other_variables=sorted(self._variables - set(models)),
        )

    def add_files(self, patterns: Iterable[str]) -> None:
        """Cover the files of patterns, relative to the suite."""
        self.patterns += patterns

    def add(self, place: ModulePlace, *, home: Path | None = None) -> None:
        """Cover a module and what it depends on. Without `home` it is of the suite or its project."""
        left = [(place, home)]
        while left:
            place, home = left.pop()
            if place.file is None or place.file in self._files or _is_ours(place.file):
                continue
            source = _content(place.file)
            if source is None:
                continue
            self._files[place.file] = hashlib.sha256(source).hexdigest()[:16]
            if place.file.suffix != ".py":
                continue
            facts = self._facts[place.file] = source_facts(source, place.file)
            self._variables.update(facts.variables)
            self._search_paths += [Path(path) for path in facts.search_paths]
            own_home = home or home_of(place.location, near=self._folder)
            for imported in facts.imports:
                left += self._places_of(imported, place.file, own_home, own=home is None)
            left += [(ModulePlace(file=file), home) for file in self._scripts_of(facts, place.file)]

    def import_module(self, imported: ImportedName, *, importer: Path, home: Path) -> bool:
        """Cover what an absolute import leads to. Returns whether its module is there."""
        top, _, _ = imported.module.partition(".")
        if find_own(top, importer=importer, home=home) is None and not is_elsewhere(top):
            return False
        places = list(self._places_of(imported, importer, home, own=True))
        for place, its_home in places:
            self.add(place, home=its_home)
        return imported.module not in self._missing

    def _places_of(
        self, imported: ImportedName, importer: Path, home: Path, *, own: bool
    ) -> Iterator[tuple[ModulePlace, Path | None]]:
        """The user's modules that an import loads; packages that are installed are noted."""
        if imported.level:
            package = importer.parent
            for _ in range(imported.level - 1):
                package = package.parent
            start = find_in(package.parent, package.name) or ModulePlace(file=None, folders=(package,))
            start = ModulePlace(file=start.file, folders=(package,))
            inner, its_home = [part for part in imported.module.split(".") if part], None if own else home
        else:
            top, *inner = imported.module.split(".")
            place = self._top(top, importer, home, own=own)
            if place is None:
                return
            start, its_home = place
        yield from ((each, its_home) for each in self._below(start, inner, imported))

    def _top(self, top: str, importer: Path, home: Path, *, own: bool) -> tuple[ModulePlace, Path | None] | None:
        """The user's own top-level module of that name; None for an installed one, which is noted, or none."""
        place = find_own(top, importer=importer, home=home) if own else None
        if place is not None:
            return place, None
        if top in sys.stdlib_module_names or top in sys.builtin_module_names:
            return None
        place = find_elsewhere(top) or next(filter(None, (find_in(path, top) for path in self._search_paths)), None)
        if place is None:
            self._missing.add(top)
            return None
        if is_installed(place.location):
            versions = installed_versions(top, place.location)
            self._packages.update(versions)
            if versions or place.file is None:
                return None
        return place, place.location.parent

    def _below(self, start: ModulePlace, inner: Sequence[str], imported: ImportedName) -> Iterator[ModulePlace]:
        """A package, the modules in it that a dotted name goes through, and those that it may mean by names."""
        place = start
        yield place
        for part in inner:
            following = next(filter(None, (find_in(folder, part) for folder in place.folders)), None)
            if following is None:
                self._missing.add(imported.module)
                return
            place = following
            yield place
        for name in imported.names:
            yield from filter(None, (find_in(folder, name) for folder in place.folders))
        if imported.all_below:
            for folder in place.folders:
                for file in sorted(folder.rglob("*.py"))[:_MOST_FILES]:
                    yield ModulePlace(file=file)

    def _scripts_of(self, facts: SourceFacts, module: Path) -> Iterator[Path]:
        """Python files that a module names as files, such as for `spec_from_file_location`."""
        for file in self._existing((*facts.reads, *map(glob.escape, facts.literals)), module):
            if file.suffix == ".py":
                yield file

    def _data_files(self) -> dict[Path, str]:
        """The digests of the files that the covered modules name, but for those that they write."""
        written = {file for module, facts in self._facts.items() for file in self._existing(facts.writes, module)}
        left_out = {file for pattern in self._left_out for file in self._existing([pattern], None)}
        files = {
            file
            for module, facts in self._facts.items()
            for file in self._existing((*facts.reads, *map(glob.escape, facts.literals)), module)
            if file.suffix not in _OUTPUTS and file.name != "suite.yaml"
        }
        named = {file for pattern in self.patterns for file in self._existing([pattern], None)}
        return {file: _file_digest(file) for file in sorted((files - written - left_out) | (named - left_out))}

    def _existing(self, patterns: Iterable[str], module: Path | None) -> Iterator[Path]:
        """The files that patterns mean, in the module's folder, in the suite's, or in the working folder."""
        bases = [self._folder] if module is None else [module.parent, self._folder, working_folder()]
        for pattern in patterns:
            for base in dict.fromkeys(bases):
                whole = os.path.normpath(os.path.join(glob.escape(str(base)), pattern))  # noqa: PTH118 - a pattern
                yield from _files_of(whole, home=self._folder)

    def _named(self, file: Path) -> str:
        """The file relative to the suite, to its project, or to what it is imported from, the same on every machine."""
        if file.is_relative_to(self._folder):
            return file.relative_to(self._folder).as_posix()
        home = home_of(file, near=self._folder)
        root = home if home != file.parent else _import_root(file)
        return f"{root.name}/{file.relative_to(root).as_posix()}"


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(_PACKAGE) and not file.is_relative_to(_PACKAGE / "suites")


def _import_root(file: Path) -> Path:
    """The folder of a file's top-level package."""
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return root


def _files_of(pattern: str, *, home: Path) -> list[Path]:
    if not glob.has_magic(pattern):
        file = Path(pattern)
        return [file] if _is_data(file) else []
    if Path(pattern).name == "*" and home.is_relative_to(Path(pattern).parent):
        return []  # any file of the suite, of which nothing follows
    matching = (Path(each) for each in sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207 - of an absolute pattern
    return [file for file in matching if _is_data(file)][:_MOST_FILES]


def _is_data(file: Path) -> bool:
    if file.parts[1:2] in (("proc",), ("sys",), ("dev",)) and file.parts[1:3] != ("dev", "shm"):
        return False
    try:
        return "__pycache__" not in file.parts and file.is_file()
    except OSError:  # such as a name that is too long
        return False


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _file_digest(file: Path) -> str:
    try:
        state = file.stat()
        # Of a small file, the time of a change can be too coarse.
        return _digest_of(file, state.st_size, state.st_mtime_ns if state.st_size > _SMALL else time.monotonic_ns())
    except OSError:
        return UNKNOWN


@functools.lru_cache(maxsize=4096)
def _digest_of(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]
