"""What a function of the user's returns, as far as its source says: a verdict, a number, or a mapping with a key."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_CALLS = {"bool": bool, "all": bool, "any": bool, "isinstance": bool} | dict.fromkeys(
    ("int", "float", "len", "sum", "round", "abs"), float
)
_DEEPEST = 20


@dataclass(frozen=True, kw_only=True)
class ReturnedValue:
    """One of the values that a function may return."""

    only_scores: bool
    """Whether it is a number, which decides nothing without a threshold; False if it may be anything else."""
    only_labels: bool = False
    """Whether it is a label, which decides nothing."""
    key: str | None = None
    """The metric that it names."""
    names_metric: bool = False
    """Whether it may name a metric that the source does not show."""


_ANYTHING = ReturnedValue(only_scores=False, names_metric=True)
_VERDICT, _NUMBER = ReturnedValue(only_scores=False), ReturnedValue(only_scores=True)
_LABEL = ReturnedValue(only_scores=False, only_labels=True)


def returned_values(function: Any) -> frozenset[ReturnedValue]:
    """The values that `function` may return, by its annotation or else by the `return` statements of its source."""
    function = inspect.unwrap(function) if callable(function) else function
    if not inspect.isroutine(function):
        function = getattr(type(function), "__call__", None) if not inspect.isclass(function) else None  # noqa: B004
    annotation = getattr(function, "__annotations__", {}).get("return")
    if annotation in (bool, "bool"):
        return frozenset({_VERDICT})
    if annotation in (str, "str"):
        return frozenset({_LABEL})
    if annotation in (int, float, "int", "float"):
        return frozenset({_NUMBER})
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return frozenset({_ANYTHING})
    defined = tree.body[0]
    if not isinstance(defined, ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset({_ANYTHING})
    own = list(_own_nodes(defined))
    returned = [node.value for node in own if isinstance(node, ast.Return) and node.value is not None]
    assigned = {
        target.id: [other.value for other in own if isinstance(other, ast.Assign) and _is_of(other, target.id)]
        for node in own
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    changed = {node.target.id for node in own if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)}
    reader = _Reader({name: values for name, values in assigned.items() if name not in changed})
    return frozenset().union(*map(reader.read, returned)) or frozenset({_ANYTHING})


class _Reader:
    """Reads expressions, and the expressions that were assigned to their names."""

    def __init__(self, assigned: dict[str, list[ast.expr]]) -> None:
        self._assigned = assigned

    def read(self, value: ast.expr, depth: int = 0) -> frozenset[ReturnedValue]:
        read = functools.partial(self.read, depth=depth + 1)
        parts: list[ast.expr] = []
        match value:
            case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
                parts = [operand]
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                parts = values
            case ast.IfExp(body=body, orelse=other):
                parts = [body, other]
            case ast.Name(id=name):
                parts = self._assigned.get(name, [])
            case ast.Dict(keys=keys, values=values):
                return self._of_mapping(keys, values, read)
        if parts and depth < _DEEPEST:
            return frozenset().union(*map(read, parts))
        return frozenset({_plain(value)})

    def _of_mapping(
        self,
        keys: list[ast.expr | None],
        values: list[ast.expr],
        read: Callable[[ast.expr], frozenset[ReturnedValue]],
    ) -> frozenset[ReturnedValue]:
        fields = {key.value: value for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)}
        if len(fields) < len(keys) or "results" in fields:
            return frozenset({_ANYTHING})
        scores = read(fields["score"]) if "score" in fields else frozenset({_VERDICT})
        only_scores = "passed" not in fields and all(score.only_scores for score in scores)
        key = fields.get("key", fields.get("name"))
        named = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None
        names_metric = key is not None and named is None
        only_labels = bool({"value", "label"} & fields.keys()) and not {"score", "passed"} & fields.keys()
        return frozenset(
            {ReturnedValue(only_scores=only_scores, only_labels=only_labels, key=named, names_metric=names_metric)}
        )


def _plain(value: ast.expr) -> ReturnedValue:
    """A verdict or a number, where an expression without parts shows that it is one."""
    match value:
        case ast.Constant(value=bool()) | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return _VERDICT
        case ast.Constant(value=str()) | ast.JoinedStr():
            return _LABEL
        case ast.Constant(value=int() | float()) | ast.BinOp(op=ast.Div() | ast.Sub() | ast.Pow()):
            return _NUMBER
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            return _VERDICT if _CALLS[name] is bool else _NUMBER
    return _ANYTHING


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions that it defines."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _own_nodes(node)


def _is_of(assignment: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in assignment.targets)
