"""The fields of runs that filters name, each with a type: how a run's values are read, and how a literal is."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.langsmith.protocol.times import TimeError
from eval_pipeline.recorder.store.codec import to_us

Run = Mapping[str, Any]

_DURATION = re.compile(r"\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(us|ms|s|m|min|h|d)?\s*")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_THREAD_KEYS = ("session_id", "thread_id", "conversation_id")


class WrongValueError(ValueError):
    """A literal that a field cannot be compared with."""


@dataclass(frozen=True, kw_only=True)
class FilterField:
    """A field: how its values are read from a run, and how the literal that they are compared with is understood."""

    values: Callable[[Run], Iterable[Any]]
    literal: Callable[[Any], Any]
    ordered: bool = True
    """Whether `gt` and the like apply."""
    of_subtree: bool = False
    """Whether the run's usage must include its descendants'."""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list):
        raise WrongValueError("takes text")
    return json.dumps(value)


def _number(value: Any) -> float:
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number):
                return number
    except (ValueError, OverflowError):
        pass
    raise WrongValueError("takes a number")


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WrongValueError('takes a duration, such as 5, "5s", "500ms" or "1m"')
    return float(match[1]) * _UNITS[match[2]]


def _instant(value: Any) -> int:
    try:
        microseconds = to_us(value) if isinstance(value, str) else None
    except TimeError as error:
        raise WrongValueError("takes a time, such as 2026-11-20T12:00:00Z") from error
    if microseconds is None:
        raise WrongValueError("takes a time, such as 2026-11-20T12:00:00Z")
    return microseconds


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise WrongValueError("takes true or false")


def _text_or_truth(value: Any) -> Any:
    return value if isinstance(value, bool) else _text(value)


def _any_scalar(value: Any) -> Any:
    if isinstance(value, list):
        raise WrongValueError("takes one value")
    return value


def metadata_of(run: Run) -> Mapping[str, Any]:
    """The metadata of a run."""
    metadata = (run["extra"] or {}).get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every place in JSON with its value: objects by key with dots between, lists without their indices."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            inner = f"{path}.{name}" if path else str(name)
            if isinstance(item, Mapping | list):
                yield inner, item
            yield from leaves(item, inner)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    elif path:
        yield path, value


def _feedback(run: Run) -> list[tuple[str, Any]]:
    return [(key, stats["avg"]) for key, stats in (run.get("feedback_stats") or {}).items()]


PAIRS: Mapping[tuple[str, str], Callable[[Run], Iterable[tuple[str, Any]]]] = {
    ("metadata_key", "metadata_value"): lambda run: metadata_of(run).items(),
    ("feedback_key", "feedback_score"): _feedback,
    ("input_key", "input_value"): lambda run: leaves(run["inputs"]),
    ("output_key", "output_value"): lambda run: leaves(run["outputs"]),
}
"""Fields whose conditions in one `and` are about the same pair."""


def _column(name: str) -> Callable[[Run], Iterable[Any]]:
    return lambda run: () if run.get(name) is None else (run[name],)


def _latency(run: Run) -> Iterable[float]:
    return () if run["end_us"] is None else ((run["end_us"] - run["start_us"]) / 1_000_000,)


def _thread_ids(run: Run) -> list[str]:
    metadata = metadata_of(run)
    return [_text(metadata[key]) for key in _THREAD_KEYS if metadata.get(key) is not None]


FIELDS: Mapping[str, FilterField] = {
    **{
        name: FilterField(values=_column(column), literal=_text)
        for name, column in {
            "id": "id",
            "name": "name",
            "run_type": "run_type",
            "status": "status",
            "trace_id": "trace_id",
            "parent_run_id": "parent_run_id",
            "session_id": "session_id",
            "dotted_order": "dotted_order",
            "reference_example_id": "reference_example_id",
            "reference_dataset_id": "reference_dataset_id",
        }.items()
    },
    **{
        name: FilterField(values=_column(name), literal=_number, of_subtree=True)
        for name in (
            "total_tokens",
            "prompt_tokens",
            "completion_tokens",
            "total_cost",
            "prompt_cost",
            "completion_cost",
        )
    },
    "latency": FilterField(values=_latency, literal=_seconds),
    "start_time": FilterField(values=_column("start_us"), literal=_instant),
    "end_time": FilterField(values=_column("end_us"), literal=_instant),
    "is_root": FilterField(values=lambda run: (run["parent_run_id"] is None,), literal=_truth, ordered=False),
    # `eq(error, true)` matches a run that has an error, `like(error, "%…%")` its text.
    "error": FilterField(
        values=lambda run: (run["error"] is not None, *(() if run["error"] is None else (run["error"],))),
        literal=_text_or_truth,
        ordered=False,
    ),
    "tag": FilterField(values=lambda run: run["tags"], literal=_text),
    "tags": FilterField(values=lambda run: run["tags"], literal=_text),
    "thread_id": FilterField(values=_thread_ids, literal=_text),
    "feedback_score": FilterField(values=lambda run: [score for _, score in _feedback(run)], literal=_number),
    **{
        key: FilterField(values=lambda run, pairs=pairs: [name for name, _ in pairs(run)], literal=_text)  # type: ignore[misc]
        for (key, _), pairs in PAIRS.items()
    },
    **{
        value: FilterField(values=lambda run, pairs=pairs: [item for _, item in pairs(run)], literal=_any_scalar)  # type: ignore[misc]
        for (_, value), pairs in PAIRS.items()
        if value != "feedback_score"
    },
}
SEARCHED = ("name", "inputs", "outputs", "error")
"""Fields that `search("…")` looks at; `search(field, "…")` at one of them, or at `tags` or `extra`."""
