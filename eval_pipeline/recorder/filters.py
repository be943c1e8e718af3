"""Compile LangSmith's filter language, such as `and(eq(run_type, "llm"), gt(latency, 5))`, to a predicate over runs.

Source: docs "trace query syntax". A field with several values (tags, metadata, feedback) matches if one of them does. A
key condition and a value condition in one `and` apply to the same pair, as on LangSmith.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse

Predicate = Callable[[dict[str, Any]], bool]

_TOKEN = re.compile(
    r'\s*(?:(?P<name>[A-Za-z_][\w.]*)|(?P<number>-?\d+(?:\.\d+)?)|(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<mark>[(),\[\]]))"
)
_LITERALS = {"true": True, "false": False, "null": None}
_PAIRS = {"metadata_key": "metadata_value", "feedback_key": "feedback_score"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, options: value in options,
    "like": lambda value, pattern: str(pattern).strip("%").lower() in str(value).lower(),
}


@dataclass(frozen=True, kw_only=True)
class _Call:
    function: str
    arguments: list[Any]


@dataclass(frozen=True, kw_only=True)
class _Name:
    text: str


def compile_filter(text: str) -> Predicate:
    """Compile a filter expression.

    Raises:
        ErrorResponse: 400 for a syntax error, or an unknown function or field.
    """
    tokens = _tokenize(text)
    expression = _parse(tokens)
    if tokens:
        raise _invalid(f"unexpected {tokens[0][1]!r}")
    return _compile(expression)


def _invalid(reason: str) -> ErrorResponse:
    return ErrorResponse(400, {"detail": f"Invalid filter: {reason}"})


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens, position = list[tuple[str, str]](), 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _invalid(f"unexpected {text[position:].strip()[:20]!r}")
        tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        position = match.end()
    return tokens


def _parse(tokens: list[tuple[str, str]]) -> Any:
    """Take one expression from the front of `tokens`."""
    if not tokens:
        raise _invalid("it ends too early")
    kind, text = tokens.pop(0)
    if kind == "string":
        return json.loads(text) if text.startswith('"') else text[1:-1].replace("\\'", "'")
    if kind == "number":
        return float(text)
    if text == "[":
        return _parse_until(tokens, "]")
    if kind != "name":
        raise _invalid(f"unexpected {text!r}")
    if text in _LITERALS:
        return _LITERALS[text]
    if tokens and tokens[0][1] == "(":
        tokens.pop(0)
        return _Call(function=text, arguments=_parse_until(tokens, ")"))
    return _Name(text=text)


def _parse_until(tokens: list[tuple[str, str]], end: str) -> list[Any]:
    expressions: list[Any] = []
    while tokens and tokens[0][1] != end:
        expressions.append(_parse(tokens))
        if tokens and tokens[0][1] == ",":
            tokens.pop(0)
    if not tokens:
        raise _invalid(f"{end!r} is missing")
    tokens.pop(0)
    return expressions


def _compile(expression: Any) -> Predicate:
    if not isinstance(expression, _Call):
        raise _invalid("a condition must be a function call")
    function, arguments = expression.function, expression.arguments
    if function in _COMBINATORS:
        return _COMBINATORS[function](arguments)
    if function not in _COMPARE:
        raise _invalid(f"unknown function {function!r}")
    field, expected = _field_and_value(function, arguments)
    compare = _COMPARE[function]
    return lambda run: any(_matches(compare, value, expected) for value in _values(run, field))


def _all_of(arguments: list[Any]) -> Predicate:
    parts = _compile_and(arguments)
    return lambda run: all(part(run) for part in parts)


def _any_of(arguments: list[Any]) -> Predicate:
    options = [_compile(argument) for argument in arguments]
    return lambda run: any(option(run) for option in options)


def _none_of(arguments: list[Any]) -> Predicate:
    inner = _any_of(arguments)
    return lambda run: not inner(run)


def _compile_and(arguments: list[Any]) -> list[Predicate]:
    paired: dict[str, _Call] = {
        argument.arguments[0].text: argument
        for argument in arguments
        if isinstance(argument, _Call) and argument.function in _COMPARE and isinstance(argument.arguments[0], _Name)
    }
    parts: list[Predicate] = []
    used: list[_Call] = []
    for key_field, value_field in _PAIRS.items():
        if key_field in paired and value_field in paired:
            used.extend((paired[key_field], paired[value_field]))
            parts.append(_compile_pair(key_field, paired[key_field], paired[value_field]))
    return parts + [_compile(argument) for argument in arguments if argument not in used]


def _compile_pair(key_field: str, key: _Call, value: _Call) -> Predicate:
    pairs = _metadata_pairs if key_field == "metadata_key" else _feedback_pairs

    def predicate(run: dict[str, Any]) -> bool:
        return any(
            _matches(_COMPARE[key.function], pair_key, key.arguments[1])
            and _matches(_COMPARE[value.function], pair_value, value.arguments[1])
            for pair_key, pair_value in pairs(run)
        )

    return predicate


def _compile_has(function: str, arguments: list[Any]) -> Predicate:
    field, expected = _field_and_value(function, arguments)
    if field == "tags":
        return lambda run: expected in run["tags"]
    if function == "exists" or not str(expected).startswith("{"):
        return lambda run: expected in _metadata(run)
    required = json.loads(expected)
    return lambda run: required.items() <= _metadata(run).items()


def _compile_search(arguments: list[Any]) -> Predicate:
    expected = str(arguments[-1]).lower()
    fields = [arguments[0].text] if isinstance(arguments[0], _Name) else ["name", "inputs", "outputs", "error"]
    return lambda run: any(expected in json.dumps(run.get(field)).lower() for field in fields)


def _field_and_value(function: str, arguments: list[Any]) -> tuple[str, Any]:
    if len(arguments) != 2 or not isinstance(arguments[0], _Name):  # noqa: PLR2004
        raise _invalid(f"{function} takes a field and a value")
    return arguments[0].text, arguments[1]


def _matches(compare: Callable[[Any, Any], bool], value: Any, expected: Any) -> bool:
    if isinstance(expected, str) and not isinstance(value, str) and value is not None:
        value = json.dumps(value).strip('"')
    try:
        return compare(value, expected)
    except TypeError:
        return False


def _values(run: dict[str, Any], field: str) -> Iterable[Any]:
    """The values of a run's field: one, several, or none."""
    if field in _READERS:
        return _READERS[field](run)
    if field not in run:
        raise _invalid(f"unknown field {field!r}")
    return [run[field]]


def _thread_ids(run: dict[str, Any]) -> list[Any]:
    metadata = _metadata(run)
    return [metadata[key] for key in ("session_id", "thread_id", "conversation_id") if key in metadata]


def _latencies(run: dict[str, Any]) -> list[float]:
    return [] if run["end_us"] is None else [(run["end_us"] - run["start_us"]) / 1_000_000]


def _metadata(run: dict[str, Any]) -> dict[str, Any]:
    metadata = (run["extra"] or {}).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _metadata_pairs(run: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(_metadata(run).items())


def _feedback_pairs(run: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, stats["avg"]) for key, stats in (run.get("feedback_stats") or {}).items()]


_READERS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "tag": lambda run: run["tags"],
    "tags": lambda run: run["tags"],
    "metadata_key": lambda run: [key for key, _ in _metadata_pairs(run)],
    "metadata_value": lambda run: [value for _, value in _metadata_pairs(run)],
    "feedback_key": lambda run: [key for key, _ in _feedback_pairs(run)],
    "feedback_score": lambda run: [score for _, score in _feedback_pairs(run)],
    "is_root": lambda run: [run["parent_run_id"] is None],
    "latency": _latencies,
    "thread_id": _thread_ids,
    # `eq(error, true)` matches a run that has an error, `like(error, "%…%")` its text.
    "error": lambda run: [run["error"], run["error"] is not None],
}

_COMBINATORS: dict[str, Callable[[list[Any]], Predicate]] = {
    "and": _all_of,
    "or": _any_of,
    "not": _none_of,
    "neq": lambda arguments: _none_of([_Call(function="eq", arguments=arguments)]),
    "has": lambda arguments: _compile_has("has", arguments),
    "exists": lambda arguments: _compile_has("exists", arguments),
    "search": _compile_search,
}
