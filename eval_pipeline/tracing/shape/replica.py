"""What a copy of a shared span says: the span without its usage, cut short, and where it comes from.

Tokens and cost roll up to a trace and its project, from any place usage may stand in, and LangSmith estimates them
where it finds a model's name. They are paid once and stand once, in the shared trace. So a copy states none, or
explicit zeros.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.tracing.shape.fields import GRAFTED_FIELD_BYTES, Field, Redact, as_it_is, capped
from eval_pipeline.tracing.shape.spans import Span

REPLAYED = "replayed"
ZERO_USAGE: Mapping[str, Any] = {
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_cost": 0.0,
    "output_cost": 0.0,
    "total_cost": 0.0,
}
_USAGE_KEYS = frozenset({"usage_metadata", "llm_output", "token_usage"})
_RESPONSE_KEYS = frozenset({"response_metadata", "generation_info"})
_KEPT_OF_RESPONSE = frozenset({"finish_reason", "stop_reason", "id", "created"})
_MODEL_PREFIX = "ls_"
_DROPPED_METADATA = frozenset({"usage_metadata", "invocation_params"})


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the originals are, and how copies are made."""

    project: str
    url: Callable[[str], str] | None = None
    """From a run's id to where it can be seen."""
    llm_as: Literal["chain", "llm"] = "chain"
    """`chain` costs nothing for certain; `llm` shows messages better, and states that it used no tokens."""
    field_bytes: int = GRAFTED_FIELD_BYTES
    redact: Redact = as_it_is
    """Asked only of fields that are cut; all else is redacted by the sender."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A span made ready to be copied into any number of traces."""

    span: Span
    """The original, for its place and its time."""
    run_type: str
    inputs: Field
    outputs: Field | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]


def replica_of(span: Span, origin: Origin) -> Replica:
    """What copies of `span` say."""
    url = None if origin.url is None else origin.url(span.id)
    model = span.metadata.get("ls_model_name")
    usage = _stated_usage(span)
    outputs = without_usage(span.outputs)
    as_llm = span.run_type == "llm" and origin.llm_as == "llm"
    metadata: dict[str, Any] = {
        **{key: without_usage(value) for key, value in span.metadata.items() if not _is_of_model(key)},
        "replayed": True,
        "origin_run_id": span.id,
        "origin_trace_id": span.trace_id,
        "origin_project": origin.project,
        "origin_start_time": _iso(span.start_time),
        "origin_end_time": _iso(span.end_time),
        "origin_duration_s": round((span.end_time - span.start_time).total_seconds(), 6),
        "origin_run_type": span.run_type,
        **({"origin_url": url} if url is not None else {}),
        **({"origin_model": model} if model is not None else {}),
        **({"origin_usage": usage} if usage else {}),
        **({"usage_metadata": dict(ZERO_USAGE)} if as_llm else {}),
    }
    return Replica(
        span=span,
        run_type="chain" if span.run_type == "llm" and not as_llm else span.run_type,
        inputs=capped(without_usage(span.inputs), origin.field_bytes, origin_url=url, redact=origin.redact),
        outputs=None if outputs is None else capped(outputs, origin.field_bytes, origin_url=url, redact=origin.redact),
        tags=(*(tag for tag in span.tags if tag != REPLAYED), REPLAYED),
        metadata=metadata,
    )


def without_usage(value: Any) -> Any:
    """JSON without any place that LangSmith reads usage from or estimates it by."""
    if isinstance(value, Mapping):
        return {
            key: _of_response(item) if key in _RESPONSE_KEYS else without_usage(item)
            for key, item in value.items()
            if key not in _USAGE_KEYS
        }
    if isinstance(value, list):
        return [without_usage(item) for item in value]
    return value


def _of_response(value: Any) -> Any:
    # Every provider writes its counts under other names here; what is safe to keep is easier to say than what is not.
    return (
        {key: item for key, item in value.items() if key in _KEPT_OF_RESPONSE} if isinstance(value, Mapping) else None
    )


def _is_of_model(key: str) -> bool:
    return key in _DROPPED_METADATA or key.startswith(_MODEL_PREFIX)


def _stated_usage(span: Span) -> dict[str, Any]:
    usage = usage_of({"metadata": span.metadata}, span.outputs)
    if usage is None:
        return {}
    found = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "total_cost": usage.total_cost,
    }
    return {name: value for name, value in found.items() if value is not None}


def _iso(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="microseconds")
