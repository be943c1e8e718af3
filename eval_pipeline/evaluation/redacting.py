"""What of a result may leave the evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from eval_pipeline.redaction.patterns import DONE
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult, TurnResult

_NOT_REDACTED = frozenset(
    {
        "suite",
        "experiment",
        "case_id",
        "variant",
        "status",
        "context_id",
        "dataset_version",
        "target_version",
        "fingerprint",
        "answer_fingerprint",
        "answer_from",
        "reused_from",
        "trace_id",
        "run_id",
        "trace_url",
        "version",
        # Numbers, and a time.
        "attempt",
        "score",
        "started_at",
        "latency_s",
        "tokens",
        "cost_usd",
        "usage",
    }
)


_fields_of: dict[type, tuple[str, ...]] = {}


def _redacted_fields(kind: type) -> tuple[str, ...]:
    """The fields of a class of results, or of parts of them, that may have something to redact."""
    if kind not in _fields_of:
        _fields_of[kind] = tuple(field.name for field in fields(kind) if field.name not in _NOT_REDACTED)
    return _fields_of[kind]


def redacted_result(result: CaseResult, redactor: Redactor) -> CaseResult:
    """`result` without personal data and secrets; ids, numbers and hashes stay. Most have nothing, and cost little."""
    if not redactor.enabled:
        return result
    if redactor.leaves(list(_texts(result))):
        return result
    redacted: CaseResult = _redacted(result, redactor)
    return redacted


def is_redacted(turns: Sequence[TurnResult]) -> bool:
    """Whether something was taken out of stored turns that assertions compare.

    Documents that were retrieved do not count: they are compared by their ids, and judges read them as they are.
    """
    return any(DONE.search(str(_without_documents(turn))) is not None for turn in turns)


def _without_documents(turn: TurnResult) -> TurnResult:
    return replace(turn, events=[event for event in turn.events if event["type"] != "retrieval"])


def _texts(value: Any) -> Iterator[Any]:
    """The texts in the redacted fields of a result, and the mappings and lists that have some; no numbers."""
    if hasattr(type(value), "__dataclass_fields__"):
        for name in _redacted_fields(type(value)):
            yield from _texts(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif value and not isinstance(value, int | float):
        yield value


def _redacted(value: Any, redactor: Redactor) -> Any:
    if hasattr(type(value), "__dataclass_fields__"):
        redacted = {name: _redacted(getattr(value, name), redactor) for name in _redacted_fields(type(value))}
        return replace(value, **redacted)
    if isinstance(value, tuple):
        return tuple(_redacted(item, redactor) for item in value)
    if isinstance(value, list):
        return [_redacted(item, redactor) for item in value]
    return redactor.value(value)
