"""Compile LangSmith's filter language, such as `and(eq(run_type, "llm"), gt(latency, "5s"))`, to a predicate over runs.

Source: docs "trace query syntax". A field with several values (tags, metadata, feedback) matches if one of them does. A
key condition and a value condition in one `and` apply to the same pair, as on LangSmith.
"""

import json
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.recorder.filter_fields import (
    FIELDS,
    PAIRS,
    SEARCHED,
    FilterField,
    Run,
    WrongValueError,
    metadata_of,
)
from eval_pipeline.recorder.filter_language import Call, FieldName, invalid, parse_filter
from eval_pipeline.recorder.filter_sql import FilterNeeds, SqlCondition, needs_of, sql_of

_Test = Callable[[Run], bool]
_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_COMPARISONS = frozenset({"eq", "in", "like", *_ORDER})


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """A compiled filter."""

    test: _Test
    needs: FilterNeeds
    """What runs must have for it, beside their columns."""
    sql: SqlCondition | None
    """What SQL can check before."""

    def __call__(self, run: Run) -> bool:
        """Whether a run meets it."""
        return self.test(run)


def compile_filter(text: str, *, fields: Collection[str] | None = None) -> RunFilter:
    """Compile a filter expression.

    Args:
        text: the expression.
        fields: the names that it may use; by default all of a run.

    Raises:
        ErrorResponse: 400 for a syntax error, an unknown function or field, or a value of the wrong type.
    """
    call = parse_filter(text)
    for name in _names(call):
        if fields is not None and name.text not in fields:
            raise invalid(f"unknown field {name.text!r}", name.place)
    return RunFilter(test=_compile(call), needs=needs_of(call), sql=sql_of(call))


def _names(call: Call) -> Iterator[FieldName]:
    for argument in call.arguments:
        if isinstance(argument, FieldName):
            yield argument
        elif isinstance(argument, Call):
            yield from _names(argument)


def _compile(expression: Any, place: int = 0) -> _Test:
    if not isinstance(expression, Call):
        raise invalid("a condition must be a function call", getattr(expression, "place", place))
    function = expression.function
    if function in _COMBINATORS:
        return _COMBINATORS[function](expression)
    if function not in _COMPARISONS:
        raise invalid(f"unknown function {function!r}", expression.place)
    field, matches = _comparison(expression)
    return lambda run: any(matches(value) for value in field.values(run))


def _comparison(call: Call) -> tuple[FilterField, Callable[[Any], bool]]:
    """The field that a comparison is about, and whether one of its values matches."""
    name, given = _two(call, "a field and a value")
    if not isinstance(name, FieldName):
        raise invalid(f"{call.function} takes a field and a value", call.place)
    field = FIELDS.get(name.text)
    if field is None:
        raise invalid(f"unknown field {name.text!r}", name.place)
    if isinstance(given, Call | FieldName):
        raise invalid(f"{call.function} takes a value, not {getattr(given, 'text', 'a call')!r}", given.place)
    try:
        return field, _matcher(call.function, field, given)
    except WrongValueError as error:
        raise invalid(f"{call.function}({name.text}, …) {error}", call.place) from error


def _matcher(function: str, field: FilterField, given: Any) -> Callable[[Any], bool]:
    if function == "in":
        if not isinstance(given, list):
            raise WrongValueError('takes a list, such as ["a", "b"]')
        options = [field.literal(option) for option in given]
        return lambda value: any(_same(value, option) for option in options)
    if function == "like":
        if not isinstance(given, str):
            raise WrongValueError('takes a pattern, such as "%part%"')
        pattern = _like(given)
        return lambda value: not isinstance(value, bool) and pattern(_shown(value))
    literal = field.literal(given)
    if function == "eq":
        return lambda value: _same(value, literal)
    if not field.ordered or isinstance(literal, bool) or literal is None:
        raise WrongValueError("has no order")
    compare = _ORDER[function]
    return lambda value: _comparable(value, literal) and bool(compare(value, literal))


def _same(value: Any, literal: Any) -> bool:
    """Whether they are equal as JSON is; text equals what it spells, as in `eq(metadata_value, "2")`."""
    if isinstance(literal, str) and not isinstance(value, str | None):
        return json.dumps(value, ensure_ascii=False) == literal
    return isinstance(value, bool) == isinstance(literal, bool) and bool(value == literal)


def _comparable(value: Any, literal: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    return isinstance(value, str) == isinstance(literal, str) and isinstance(value, str | int | float)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _like(pattern: str) -> Callable[[str], bool]:
    """SQL's `LIKE`, without regard to case: `%` is any text, `_` any character; it is about the whole text."""
    first, *others = map(_part, pattern.split("%"))
    if not others:
        return lambda text: first.fullmatch(text) is not None
    *middle, last = others
    last_length = len(pattern.rsplit("%", 1)[1])

    def matches(text: str) -> bool:
        begin = first.match(text)
        if begin is None:
            return False
        position = begin.end()
        for part in middle:
            match = part.search(text, position)
            if match is None:
                return False
            position = match.end()
        return len(text) - last_length >= position and last.fullmatch(text, len(text) - last_length) is not None

    return matches


def _part(text: str) -> re.Pattern[str]:
    form = "".join("." if character == "_" else re.escape(character) for character in text)
    return re.compile(form, re.DOTALL | re.IGNORECASE)


def _two(call: Call, what: str) -> Sequence[Any]:
    if len(call.arguments) != 2:  # noqa: PLR2004
        raise invalid(f"{call.function} takes {what}", call.place)
    return call.arguments


def _some(call: Call) -> tuple[Any, ...]:
    if not call.arguments:
        raise invalid(f"{call.function} takes conditions", call.place)
    return call.arguments


def _all_of(call: Call) -> _Test:
    arguments = list(_some(call))
    parts: list[_Test] = []
    for (key, value), pairs in PAIRS.items():
        mine = [
            argument
            for argument in arguments
            if isinstance(argument, Call)
            and argument.function in _COMPARISONS
            and argument.arguments
            and isinstance(argument.arguments[0], FieldName)
            and argument.arguments[0].text in (key, value)
        ]
        if {argument.arguments[0].text for argument in mine} == {key, value}:
            arguments = [argument for argument in arguments if argument not in mine]
            parts.append(_pair(pairs, mine, key))
    parts += [_compile(argument, call.place) for argument in arguments]
    return lambda run: all(part(run) for part in parts)


def _pair(pairs: Callable[[Run], Any], calls: Sequence[Call], key: str) -> _Test:
    on_key = [_comparison(call)[1] for call in calls if call.arguments[0].text == key]
    on_value = [_comparison(call)[1] for call in calls if call.arguments[0].text != key]
    return lambda run: any(
        all(test(name) for test in on_key) and all(test(value) for test in on_value) for name, value in pairs(run)
    )


def _any_of(call: Call) -> _Test:
    options = [_compile(argument, call.place) for argument in _some(call)]
    return lambda run: any(option(run) for option in options)


def _not(call: Call) -> _Test:
    if len(call.arguments) != 1:
        raise invalid("not takes one condition", call.place)
    inner = _compile(call.arguments[0], call.place)
    return lambda run: not inner(run)


def _neq(call: Call) -> _Test:
    inner = _compile(Call(function="eq", arguments=call.arguments, place=call.place))
    return lambda run: not inner(run)


def _has(call: Call) -> _Test:
    name, text = _two(call, "tags or metadata, and a value")
    if isinstance(name, str):  # `has("metadata", …)`, as the JavaScript client's tests write it
        name = FieldName(text=name, place=call.place)
    if not isinstance(name, FieldName) or name.text not in ("tags", "metadata"):
        raise invalid(f"{call.function} takes tags or metadata", call.place)
    if not isinstance(text, str):
        raise invalid(f"{call.function}({name.text}, …) takes text", call.place)
    if name.text == "tags":
        return lambda run: text in run["tags"]
    if call.function == "exists" or not text.lstrip().startswith("{"):
        return lambda run: text in metadata_of(run)
    try:
        required = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"{text[:40]!r} is no JSON", call.place) from error
    return lambda run: all(
        key in metadata_of(run) and _same(metadata_of(run)[key], value) for key, value in required.items()
    )


def _search(call: Call) -> _Test:
    *fields, text = call.arguments or (None,)
    named = [field.text if isinstance(field, FieldName) else "" for field in fields]
    if len(fields) > 1 or not isinstance(text, str) or any(name not in (*SEARCHED, "tags", "extra") for name in named):
        raise invalid(f"search takes text, and before it one of {', '.join((*SEARCHED, 'tags', 'extra'))}", call.place)
    looked_at, form = named or SEARCHED, text.casefold()
    return lambda run: any(run.get(name) is not None and form in _shown(run[name]).casefold() for name in looked_at)


_COMBINATORS: Mapping[str, Callable[[Call], _Test]] = {
    "and": _all_of,
    "or": _any_of,
    "not": _not,
    "neq": _neq,
    "has": _has,
    "exists": _has,
    "search": _search,
}
