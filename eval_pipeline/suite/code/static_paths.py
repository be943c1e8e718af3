"""Paths that a module computes, read from its syntax, such as `Path(__file__).parent / "prompts" / f"{name}.txt"`."""

import ast
import glob
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval_pipeline.working_folder import working_folder

_DYNAMIC = "\0"
"""Stands in a path for what only running the code gives; `*` in its pattern."""
_DEEPEST, _MOST = 12, 20
_LONGEST_NAME = 255
"""Bytes that file systems allow."""
_SAME = frozenset({"Path", "PurePath", "PosixPath", "str", "fspath", "abspath", "realpath", "normpath", "UPath"})
"""Functions that give the path that they get."""
_OF_RECEIVER = frozenset({"joinpath", "with_name", "with_suffix", "resolve", "absolute", "expanduser", "as_posix"})
"""Methods of paths that give a path."""


class StaticPaths:
    """The values of expressions that are paths; names have every value that the module assigns to them."""

    def __init__(self, tree: ast.AST, file: Path) -> None:
        self._file = file
        self._assigned: defaultdict[str, list[ast.expr]] = defaultdict(list)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self._assign(target, node.value)
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                self._assign(node.optional_vars, node.context_expr)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._assigned[target.id].append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for each, its_value in zip(target.elts, value.elts, strict=True):
                self._assign(each, its_value)

    def patterns(self, node: ast.expr, *, suffix: str | None = None) -> list[str]:
        """What `node` can be, as patterns of `glob`; empty if its source does not say.

        Args:
            node: an expression.
            suffix: a pattern below it, such as `**`.
        """
        values = [value for value in self._values(node, 0) if value.strip(_DYNAMIC + os.sep) and _may_be_path(value)]
        escaped = [glob.escape(os.path.normpath(value)).replace(_DYNAMIC, "*") for value in values]
        return [os.path.join(value, suffix) for value in escaped] if suffix else escaped  # noqa: PTH118 - a pattern

    def text(self, node: ast.expr) -> str | None:
        """The text that `node` is, if it is one."""
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    def _values(self, node: ast.expr, depth: int) -> list[str]:
        return list(dict.fromkeys(self._computed(node, depth + 1)))[:_MOST] if depth < _DEEPEST else []

    def _computed(self, node: ast.expr, depth: int) -> Iterator[str]:  # noqa: C901 - one case a form
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=pieces):
                yield "".join(self.text(piece) or _DYNAMIC for piece in pieces)
            case ast.Name(id="__file__"):
                yield str(self._file)
            case ast.Name(id=name):
                for assigned in self._assigned.get(name, ())[:_MOST]:
                    yield from self._values(assigned, depth)
            case ast.Attribute(value=inner, attr="parent"):
                yield from map(os.path.dirname, self._values(inner, depth))
            case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(up))):
                above = f"..{os.sep}" * (up + 1)
                yield from (os.path.normpath(path + os.sep + above) for path in self._values(inner, depth))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                yield from self._joined([left, right], depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                added = self._values(right, depth) or [_DYNAMIC]
                yield from (first + second for first in self._values(left, depth) for second in added)
            case ast.IfExp(body=first, orelse=second) | ast.BoolOp(values=[first, second]):
                yield from self._values(first, depth)
                yield from self._values(second, depth)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                yield from self._called(name, None, arguments, depth)
            case ast.Call(func=ast.Attribute(value=receiver, attr=name), args=arguments):
                yield from self._called(name, receiver, arguments, depth)

    def _called(self, name: str, receiver: ast.expr | None, arguments: Sequence[ast.expr], depth: int) -> Iterator[str]:
        if receiver is not None and name in _OF_RECEIVER:
            yield from self._of_receiver(name, receiver, arguments, depth)
        elif name == "dirname" and arguments:
            yield from map(os.path.dirname, self._values(arguments[0], depth))
        elif name in ("getcwd", "cwd") and not arguments:
            yield str(working_folder())
        elif name == "files":  # of importlib.resources; of another package than its own, nothing follows
            own = not arguments or ast.unparse(arguments[0]) in ("__package__", "__name__", "__spec__.name")
            yield from [str(self._file.parent)] if own else []
        elif name in _SAME or (name == "join" and receiver is not None and self.text(receiver) is None):
            yield from self._joined(arguments, depth)

    def _of_receiver(self, name: str, receiver: ast.expr, arguments: Sequence[ast.expr], depth: int) -> Iterator[str]:
        """The values of a path's method."""
        if name == "joinpath":
            yield from self._joined([receiver, *arguments], depth)
            return
        paths = self._values(receiver, depth)
        given = (self._values(arguments[0], depth) if arguments else []) or [_DYNAMIC]
        for path in paths:
            if name == "with_name":
                yield from (os.path.join(os.path.dirname(path), each) for each in given)  # noqa: PTH118, PTH120
            elif name == "with_suffix":
                yield from (os.path.splitext(path)[0] + each for each in given)  # noqa: PTH122
            else:
                yield path

    def _joined(self, parts: Sequence[ast.expr], depth: int) -> Iterator[str]:
        """Every combination of the parts' values; what is not known after the first is dynamic."""
        if not parts:
            return
        joined = self._values(parts[0], depth)
        for part in parts[1:]:
            values = self._values(part, depth) or [_DYNAMIC]
            joined = [os.path.join(left, right) for left in joined for right in values][:_MOST]  # noqa: PTH118
        yield from joined


def _may_be_path(text: str) -> bool:
    """Whether a file can have this name; texts of other kinds are added up, too."""
    path = Path(text.replace(_DYNAMIC, "*"))
    return str(path).isprintable() and all(len(name.encode()) <= _LONGEST_NAME for name in path.parts)
