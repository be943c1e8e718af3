"""What a filter needs of a run, and the part of it that SQL can check before runs are read.

The part is necessary, not sufficient: what meets the filter meets it too, and the compiled filter decides.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.recorder.filter_fields import FIELDS, SEARCHED
from eval_pipeline.recorder.filter_language import Call, FieldName

PAYLOAD = ("inputs", "outputs", "extra", "events", "serialized")
_NEEDS = {
    **dict.fromkeys(["metadata", "metadata_key", "metadata_value", "thread_id"], "extra"),
    **dict.fromkeys(["inputs", "input_key", "input_value"], "inputs"),
    **dict.fromkeys(["outputs", "output_key", "output_value"], "outputs"),
    "extra": "extra",
}
_FEEDBACK = ("feedback_key", "feedback_score")
_TEXTS = {
    "id": "runs.id",
    "name": "coalesce(runs.name, '')",
    "run_type": "coalesce(nullif(runs.run_type, ''), 'chain')",
    "trace_id": "runs.trace_id",
    "session_id": "runs.session_id",
    "parent_run_id": "runs.parent_id",
    "reference_example_id": "runs.reference_example_id",
}
_TIMES = {"start_time": "runs.start_us", "end_time": "runs.end_us"}
_ORDER = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_MOST_OPTIONS = 500
_MOST_COMPARISONS = 200
_INT64 = 2**63


@dataclass(frozen=True, kw_only=True)
class FilterNeeds:
    """The parts of a run that a filter looks at, beside the columns of the table `runs`."""

    payload: frozenset[str]
    feedback: bool
    subtree: bool

    def __or__(self, other: "FilterNeeds") -> "FilterNeeds":
        return FilterNeeds(
            payload=self.payload | other.payload,
            feedback=self.feedback or other.feedback,
            subtree=self.subtree or other.subtree,
        )


NOTHING = FilterNeeds(payload=frozenset(), feedback=False, subtree=False)


def needs_of(call: Call) -> FilterNeeds:
    """What a filter needs."""
    names = set(_names(call))
    return FilterNeeds(
        payload=frozenset(_NEEDS[name] for name in names if name in _NEEDS),
        feedback=any(name in _FEEDBACK for name in names),
        subtree=any(name in FIELDS and FIELDS[name].of_subtree for name in names),
    )


def _names(call: Call) -> Iterator[str]:
    if call.function in ("has", "exists"):
        yield "metadata"
    if call.function == "search" and len(call.arguments) == 1:
        yield from SEARCHED
    for argument in call.arguments:
        if isinstance(argument, FieldName):
            yield argument.text
        elif isinstance(argument, Call):
            yield from _names(argument)


@dataclass(frozen=True, kw_only=True)
class SqlCondition:
    """A condition with its values."""

    sql: str
    values: tuple[Any, ...]
    size: int = 1
    """Of how many comparisons it consists: SQLite bounds the depth of an expression."""


def sql_of(call: Call) -> SqlCondition | None:
    """A condition of SQL that each run meets that meets a valid filter; None if there is no such."""
    if call.function in ("and", "or"):
        parts = [sql_of(argument) for argument in call.arguments if isinstance(argument, Call)]
        known = [part for part in parts if part is not None]
        if not known or (call.function == "or" and len(known) < len(call.arguments)):
            return None
        size = sum(part.size for part in known)
        if size > _MOST_COMPARISONS:
            return None
        joined = f" {call.function.upper()} ".join(part.sql for part in known)
        values = tuple(value for part in known for value in part.values)
        return SqlCondition(sql=f"({joined})", values=values, size=size)
    if call.function in ("eq", "in", *_ORDER) and isinstance(call.arguments[0], FieldName):
        return _comparison(call.function, call.arguments[0].text, call.arguments[1])
    return None


def _comparison(function: str, name: str, given: Any) -> SqlCondition | None:
    if name in _TEXTS and function in ("eq", "in"):
        return _texts(name, given if isinstance(given, list) else [given])
    if function == "eq" and name in ("is_root", "error"):
        return _truth(name, FIELDS[name].literal(given))
    if name in _TIMES and function in _ORDER:
        return SqlCondition(sql=f"{_TIMES[name]} {_ORDER[function]} ?", values=(FIELDS[name].literal(given),))
    if name == "latency" and function in _ORDER:
        return _latency(function, FIELDS[name].literal(given) * 1e6)
    return None


def _texts(name: str, options: list[Any]) -> SqlCondition | None:
    if not options or len(options) > _MOST_OPTIONS or not all(isinstance(option, str) for option in options):
        return None
    return SqlCondition(sql=f"{_TEXTS[name]} IN ({','.join('?' * len(options))})", values=tuple(options))


def _truth(name: str, value: Any) -> SqlCondition | None:
    columns: Mapping[str, tuple[str, str]] = {
        "is_root": ("runs.parent_id IS NULL", "runs.parent_id IS NOT NULL"),
        "error": ("runs.error IS NOT NULL", "runs.error IS NULL"),
    }
    if not isinstance(value, bool):
        return None
    return SqlCondition(sql=columns[name][0 if value else 1], values=())


def _latency(function: str, microseconds: float) -> SqlCondition | None:
    # A microsecond of room, as the filter compares seconds with a fraction.
    bound = microseconds + (-1 if function in ("gt", "gte") else 1)
    if not math.isfinite(bound) or abs(bound) >= _INT64:
        return None
    return SqlCondition(sql=f"runs.end_us - runs.start_us {_ORDER[function]} ?", values=(bound,))
