"""What the source of a Python module names: what it imports, which files it reads, which environment variables."""

import ast
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eval_pipeline.suite.code.static_paths import StaticPaths

_WRITES = frozenset({"write_text", "write_bytes", "touch", "mkdir", "unlink"})
"""Methods of paths that change a file."""
_WRITES_TO = re.compile(
    r"makedirs|remove|rmtree|rename|replace|move|copy\w*|\w*FileHandler|basicConfig|connect|to_(csv|json|parquet|excel|pickle)"
    r"|save\w*|write_table|\w*Cache|Shelf"
)
"""Functions that change a file that their arguments name."""
_WRITE_FLAGS = re.compile(r"O_(WRONLY|RDWR|APPEND|CREAT|TRUNC)")
_MODES = ("mode", "flags", "flag")
_ASKS = frozenset({"exists", "is_file", "is_dir", "isfile", "isdir", "stat", "lstat", "getmtime", "getsize"})
"""What says of a file whether it is there, and does not read it."""
_LISTS = frozenset({"listdir", "scandir", "walk", "FileSystemLoader"})
"""Functions that read what is in the folder in their first argument."""


@dataclass(frozen=True, kw_only=True)
class ImportedName:
    """One import."""

    module: str
    level: int = 0
    """The number of dots of a relative import."""
    names: tuple[str, ...] = ()
    """What `from module import …` names, which may be modules."""
    all_below: bool = False
    """Whether any module of the package may be meant, because its name is computed."""


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What a module's source names."""

    imports: tuple[ImportedName, ...] = ()
    reads: tuple[str, ...] = ()
    """Patterns of files that it may read."""
    literals: tuple[str, ...] = ()
    """Texts that may be names of files."""
    writes: tuple[str, ...] = ()
    """Patterns of files that it writes."""
    variables: tuple[str, ...] = ()
    """The environment variables that it reads by name."""
    search_paths: tuple[str, ...] = ()
    """Folders that it adds to `sys.path`."""


@functools.lru_cache(maxsize=2048)
def source_facts(source: bytes, file: Path) -> SourceFacts:
    """The facts of a module; none for source with errors, which importing reports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return SourceFacts()
    nodes = list(_executed(tree))
    paths = StaticPaths(tree, file)
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    writes = {pattern for call in calls for pattern in _written(call, paths)}
    reads = {pattern for call in calls for pattern in _listed(call, paths)}
    parents = {child: node for node in [tree, *nodes] for child in ast.iter_child_nodes(node)}
    used = [node for node in nodes if isinstance(node, ast.expr) and _is_used(node, parents, paths)]
    for node in used:
        if isinstance(node, ast.Constant):
            continue
        # Of a name that begins with what is computed, nothing follows.
        reads.update(each for each in paths.patterns(node) if "*" not in each.partition("/")[0])
    return SourceFacts(
        imports=tuple(itertools.chain.from_iterable(map(_imported, nodes))),
        reads=tuple(sorted(reads)),
        literals=tuple(sorted({text for node in used if (text := _file_name(node)) is not None})),
        writes=tuple(sorted(writes)),
        variables=tuple(sorted({name for node in nodes if (name := _variable(node)) is not None})),
        search_paths=tuple(sorted({path for call in calls for path in _search_path(call, paths)})),
    )


def _is_used(node: ast.expr, parents: Mapping[ast.AST, ast.AST], paths: StaticPaths) -> bool:
    """Whether a path is used for more than to build another, to name it, or to ask whether it exists."""
    parent = parents[node]
    grandparent = parents.get(parent)
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        return not all(isinstance(target, ast.Name) for target in targets)
    if isinstance(parent, ast.Tuple) and isinstance(grandparent, ast.Assign):
        return False
    if isinstance(parent, ast.Attribute):
        of_path = isinstance(grandparent, ast.expr) and bool(paths.patterns(grandparent))
        return parent.attr not in _ASKS and not of_path and not paths.patterns(parent)
    if isinstance(parent, ast.Call) and _last(parent.func) in _ASKS:
        return False
    return not isinstance(parent, ast.expr) or not paths.patterns(parent)


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers, or a run as a script, look at."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _never(node.test):
            for other in node.orelse:
                yield other
                yield from _executed(other)
            continue
        yield node
        yield from _executed(node)


def _never(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return text in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _imported(node: ast.AST) -> Iterator[ImportedName]:
    match node:
        case ast.Import(names=names):
            yield from (ImportedName(module=alias.name) for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            star = any(alias.name == "*" for alias in names)
            yield ImportedName(
                module=module or "", level=level, names=tuple(alias.name for alias in names), all_below=star
            )
        case ast.Call(func=called, args=[first, *_]) if _last(called) in ("import_module", "__import__"):
            yield _imported_by_call(first)


def _imported_by_call(name: ast.expr) -> ImportedName:
    """What `import_module(name)` imports: a module, or, if its name is computed, any below what is certain of it."""
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return ImportedName(module=name.value.lstrip("."), level=len(name.value) - len(name.value.lstrip(".")))
    first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else name
    first = first.left if isinstance(first, ast.BinOp) else first
    text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "."
    package = text.rpartition(".")[0].lstrip(".")
    return ImportedName(module=package, level=0 if package and not text.startswith(".") else 1, all_below=True)


def _written(call: ast.Call, paths: StaticPaths) -> Iterator[str]:
    name = _last(call.func)
    if name == "open":
        own = isinstance(call.func, ast.Attribute) and not _is_module(call.func.value)
        place = call.func.value if own and isinstance(call.func, ast.Attribute) else next(iter(call.args), None)
        modes = [*call.args[0 if own else 1 :][:1], *(each.value for each in call.keywords if each.arg in _MODES)]
        if place is not None and any(_is_write_mode(mode) for mode in modes):
            yield from paths.patterns(place)
    elif name in _WRITES and isinstance(call.func, ast.Attribute):
        yield from paths.patterns(call.func.value)
    elif _WRITES_TO.fullmatch(name):
        for argument in (*call.args, *(each.value for each in call.keywords)):
            yield from paths.patterns(argument)


def _is_write_mode(mode: ast.expr) -> bool:
    """Whether it is `"a"`, or `os.O_WRONLY | os.O_CREAT`."""
    if isinstance(mode, ast.Constant):
        return isinstance(mode.value, str) and bool({*mode.value} & set("wax+c"))
    return _WRITE_FLAGS.search(ast.unparse(mode)) is not None


def _listed(call: ast.Call, paths: StaticPaths) -> Iterator[str]:
    name = _last(call.func)
    if name in _LISTS and call.args:
        yield from paths.patterns(call.args[0], suffix="**")
    elif name == "iterdir" and isinstance(call.func, ast.Attribute):
        yield from paths.patterns(call.func.value, suffix="*")
    elif name in ("glob", "rglob", "iglob") and isinstance(call.func, ast.Attribute) and call.args:
        pattern = paths.text(call.args[0])
        if _is_module(call.func.value):
            yield from [pattern] if pattern is not None else paths.patterns(call.args[0])
        else:
            suffix = pattern or "*"
            yield from paths.patterns(call.func.value, suffix=f"**/{suffix}" if name == "rglob" else suffix)


def _search_path(call: ast.Call, paths: StaticPaths) -> list[str]:
    function = ast.unparse(call.func)
    if function not in ("sys.path.insert", "sys.path.append", "path.insert", "path.append") or not call.args:
        return []
    return paths.patterns(call.args[-1])


def _variable(node: ast.AST) -> str | None:
    """The environment variable that an expression reads."""
    match node:
        case ast.Subscript(value=environment, slice=ast.Constant(value=str(name))) if _last(environment) == "environ":
            return name
        case ast.Call(func=called, args=[ast.Constant(value=str(name)), *_]):
            of_environment = isinstance(called, ast.Attribute) and _last(called.value) == "environ"
            return name if of_environment or _last(called) == "getenv" else None
    return None


def _file_name(node: ast.AST) -> str | None:
    """A text that may name a file."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) > 255:  # noqa: PLR2004
        return None
    text = node.value
    return text if ("." in text or "/" in text) and text.isprintable() and "://" not in text else None


def _last(called: ast.expr) -> str:
    """A name, without what it is an attribute of."""
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("glob", "os", "io", "codecs", "gzip")
