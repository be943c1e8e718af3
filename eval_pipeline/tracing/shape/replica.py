"""Prepare shared spans for copying into cases' traces: without usage, cut short, with a reference to the original.

LangSmith sums tokens and cost up to a trace and its project, from any place that usage may be in, and estimates them
where there is a model's name. They are paid once and counted once, in the shared trace. So a copy states none, or
explicit zeros.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.langsmith.protocol.usage import usage_of
from eval_pipeline.tracing.shape.fields import GRAFTED_FIELD_BYTES, Field, Redact, as_it_is, capped
from eval_pipeline.tracing.shape.spans import Span, spans_of_table

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


_ROWS, _BLOCKS = 4, 48
"""Rows read together, since cases come nearly in the table's order, and how many such blocks stay in memory."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the originals are, and the form of the copies."""

    project: str
    url: Callable[[str], str] | None = None
    """From a run's id to its URL."""
    llm_as: Literal["chain", "llm"] = "chain"
    """The type of copied model calls: `chain` costs nothing for sure, `llm` shows messages better, with no tokens."""
    field_bytes: int = GRAFTED_FIELD_BYTES
    redact: Redact = as_it_is
    """Applied only to fields that are cut; the sender redacts everything else."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A span prepared to be copied into any number of traces."""

    span: Span
    """The original, for its parent and its times."""
    run_type: str
    inputs: Field
    outputs: Field | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]


def replica_of(span: Span, origin: Origin) -> Replica:
    """The fields that all copies of `span` have."""
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
    """JSON without anything that LangSmith reads usage from, or estimates it by."""
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
    # Every provider has its own names for token counts here, so keep only the keys that are safe.
    return (
        {key: item for key, item in value.items() if key in _KEPT_OF_RESPONSE} if isinstance(value, Mapping) else None
    )


def _is_of_model(key: str) -> bool:
    return key in _DROPPED_METADATA or key.startswith(_MODEL_PREFIX)


def _stated_usage(span: Span) -> dict[str, Any]:
    usage = usage_of({"metadata": span.metadata}, span.outputs)
    if usage is None:
        return {}
    stated = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "total_cost": usage.total_cost,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _iso(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="microseconds")


class SharedSpans:
    """The spans of a snapshot's part `trace`: those that concern all cases, and those of each case."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._rows = functools.lru_cache(maxsize=_BLOCKS)(functools.partial(_rows, table))
        self.shared = spans_of_table(table.filter(pc.is_null(table.column("case_id"))))
        """Spans that concern all cases."""

    @property
    def root(self) -> Span | None:
        """The shared trace's root."""
        return next((span for span in self.shared if span.parent_id is None), None)

    def per_case(self, cases: int) -> dict[str, float]:
        """A case's share of the shared context's tokens and cost, as metadata that LangSmith does not sum up."""
        stated = [usage for span in self.shared if (usage := usage_of({"metadata": span.metadata}, span.outputs))]
        tokens = sum(usage.total_tokens or 0 for usage in stated)
        costs = [usage.total_cost for usage in stated if usage.total_cost is not None]
        return {
            **({"shared_tokens_per_case": round(tokens / max(cases, 1), 3)} if stated else {}),
            **({"shared_cost_per_case": round(sum(costs) / max(cases, 1), 8)} if costs else {}),
        }

    def of_case(self, case_id: str) -> list[Span]:
        """The spans of one case."""
        return [self._rows(place // _ROWS)[place % _ROWS] for place in self._positions.get(case_id, ())]

    def replicas(self, case_id: str, origin: Origin) -> list[Replica]:
        """The replicas that are copied into the traces of a case."""
        return [*self.shared_replicas(origin), *(replica_of(span, origin) for span in self.of_case(case_id))]

    def shared_replicas(self, origin: Origin) -> Sequence[Replica]:
        """The replicas that are copied into every trace, prepared once."""
        if self._prepared is None or self._prepared[0] != origin:
            self._prepared = origin, [replica_of(span, origin) for span in self.shared]
        return self._prepared[1]

    _prepared: tuple[Origin, list[Replica]] | None = None

    @functools.cached_property
    def _positions(self) -> dict[str, list[int]]:
        positions: dict[str, list[int]] = {}
        for index, case_id in enumerate(self._table.column("case_id").to_pylist()):
            if case_id is not None:
                positions.setdefault(case_id, []).append(index)
        return positions


def _rows(table: pa.Table, block: int) -> list[Span]:
    # A slice of a mapped table costs microseconds, `take` half a millisecond.
    return spans_of_table(table.slice(block * _ROWS, _ROWS))
