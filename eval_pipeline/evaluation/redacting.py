"""What of a result may leave the evaluation."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
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
_REDACTED_FIELDS = tuple(field.name for field in fields(CaseResult) if field.name not in _NOT_REDACTED)


def redacted_result(result: CaseResult, redactor: Redactor) -> CaseResult:
    """`result` without personal data and secrets; ids, numbers and hashes stay. Most have nothing, and cost little."""
    if not redactor.enabled:
        return result
    values = {name: getattr(result, name) for name in _REDACTED_FIELDS}
    if redactor.leaves(values):
        return result
    return replace(result, **{name: _redacted(value, redactor) for name, value in values.items()})


def is_redacted(turns: Sequence[TurnResult]) -> bool:
    """Whether something was taken out of stored turns that assertions compare.

    Documents that were retrieved do not count: they are compared by their ids, and judges read them as they are.
    """
    return any(DONE.search(str(_without_documents(turn))) is not None for turn in turns)


def _without_documents(turn: TurnResult) -> TurnResult:
    return replace(turn, events=[event for event in turn.events if event["type"] != "retrieval"])


def _redacted(value: Any, redactor: Redactor) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in _NOT_REDACTED | {"version"}]
        redacted = {name: _redacted(getattr(value, name), redactor) for name in names}
        return replace(value, **redacted)
    if isinstance(value, tuple):
        return tuple(_redacted(item, redactor) for item in value)
    if isinstance(value, list):
        return [_redacted(item, redactor) for item in value]
    return redactor.value(value)
