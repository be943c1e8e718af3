"""A case's result as a row of Parquet: its schema, and the way there and back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa

from eval_pipeline.content.text import json_text
from eval_pipeline.results.case_result import (
    AssertionResult,
    CaseResult,
    EvaluationError,
    ReusedFrom,
    SimulationResult,
    TurnResult,
)
from eval_pipeline.results.large_values import LargeValues, is_name
from eval_pipeline.results.usage import AttemptUsage, CostShare, TokenUsage

RESULT_SCHEMA_VERSION = 6
_ERROR = pa.struct([("name", pa.string()), ("message", pa.string()), ("traceback", pa.string())])
_TOKENS = pa.struct([("input", pa.int64()), ("output", pa.int64()), ("cached", pa.int64())])
_EVENT = pa.struct([(name, pa.string()) for name in ("type", "name", "id", "content", "args", "data")])
_VOTE = pa.struct(
    [
        ("model", pa.string()),
        ("passed", pa.bool_()),
        ("score", pa.float64()),
        ("label", pa.string()),
        ("reasoning", pa.string()),
        ("error", pa.string()),
        ("seen", pa.list_(pa.string())),
    ]
)
_USAGE = pa.struct(
    [
        ("model", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
    ]
)

_ORIGIN = pa.struct([("experiment", pa.string()), ("run_id", pa.string()), ("trace_url", pa.string())])

_VALUES = ("inputs", "outputs", "messages", "state")
"""Columns of a turn that hold JSON: null for an input and outputs that are the text in `input` and `response`."""

_ROLE = pa.struct(
    [
        *((name, pa.int64()) for name in ("calls", "cached_calls", "input", "output")),
        *((name, pa.int64()) for name in ("cached", "cache_write", "reasoning")),
        ("cost_usd", pa.float64()),
    ]
)

RESULT_SCHEMA = pa.schema(
    [
        ("suite", pa.string()),
        ("experiment", pa.string()),
        ("case_id", pa.string()),
        ("attempt", pa.int32()),
        ("variant", pa.string()),
        ("split", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("status", pa.string()),
        ("score", pa.float64()),
        (
            "assertions",
            pa.list_(
                pa.struct(
                    [
                        ("name", pa.string()),
                        ("type", pa.string()),
                        ("turn", pa.int32()),
                        ("passed", pa.bool_()),
                        ("score", pa.float64()),
                        ("weight", pa.float64()),
                        ("message", pa.string()),
                        ("label", pa.string()),
                        ("error", _ERROR),
                        ("votes", pa.list_(_VOTE)),
                        ("usage", pa.list_(_USAGE)),
                        *((name, pa.string()) for name in ("version", "fingerprint", "reused_from")),
                        *((name, pa.float64()) for name in ("value", "worst")),
                    ]
                )
            ),
        ),
        (
            "turns",
            pa.list_(
                pa.struct(
                    [
                        ("index", pa.int32()),
                        ("input", pa.string()),
                        ("response", pa.string()),
                        ("events", pa.list_(_EVENT)),
                        ("latency_s", pa.float64()),
                        ("ttft_s", pa.float64()),
                        *((name, pa.string()) for name in _VALUES),
                    ]
                )
            ),
        ),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("latency_s", pa.float64()),
        ("tokens", _TOKENS),
        ("cost_usd", pa.float64()),
        ("context_id", pa.string()),
        ("dataset_version", pa.string()),
        ("target_version", pa.string()),
        ("fingerprint", pa.string()),
        ("error", _ERROR),
        (
            "simulation",
            pa.struct(
                [
                    ("ended", pa.string()),
                    ("reason", pa.string()),
                    ("turns", pa.int32()),
                    ("model", pa.string()),
                    ("calls", pa.int32()),
                    ("tokens", _TOKENS),
                    ("cost_usd", pa.float64()),
                ]
            ),
        ),
        ("usage", pa.struct([(role, _ROLE) for role in ("target", "judge", "user")])),
        ("costs", pa.list_(pa.struct([*((name, pa.string()) for name in ("kind", "role", "name")), ("used", _ROLE)]))),
        ("trace_id", pa.string()),
        ("run_id", pa.string()),
        ("trace_url", pa.string()),
        ("carried_from", _ORIGIN),
        ("answer_fingerprint", pa.string()),
        ("answer_from", _ORIGIN),
        *((name, pa.string()) for name in ("fingerprint_without_context", "answer_without_context", "context_reads")),
        ("log_order", pa.int64()),
        ("limit", pa.string()),
    ],
    metadata={"eval_pipeline.schema_version": str(RESULT_SCHEMA_VERSION)},
)
_FIELDS = frozenset(field.name for field in fields(CaseResult))


def table_of(results: Iterable[CaseResult], values: LargeValues | None = None, *, order: int = 0) -> pa.Table:
    """Results as a table of `RESULT_SCHEMA`.

    Args:
        results: to be written.
        values: where large inputs, outputs and states are put, if given.
        order: the place in the log of the run that writes them: larger than that of every row it found there.
    """
    rows = [row_of(result, values) | {"log_order": order} for result in results]
    return pa.Table.from_pylist(rows, schema=RESULT_SCHEMA)


def row_of(result: CaseResult, values: LargeValues | None = None) -> dict[str, Any]:
    """A result as a row of `RESULT_SCHEMA`; large inputs, outputs and states are put into `values`, if given."""
    row = {name: getattr(result, name, None) for name in RESULT_SCHEMA.names}
    row["tags"] = list(result.tags)
    row["assertions"] = [_fields(each) | {"error": _maybe(each.error)} for each in result.assertions]
    row["turns"] = [_turn_row(turn, values) for turn in result.turns]
    row["tokens"] = _tokens_row(result.tokens)
    row["usage"] = {role: _fields(usage) for role, usage in _fields(result.usage).items()}
    row["costs"] = [_fields(share) | {"used": _fields(share.used)} for share in result.costs]
    row["error"] = _maybe(result.error)
    row["carried_from"] = _maybe(result.reused_from)
    row["answer_from"] = _maybe(result.answer_from)
    simulation = result.simulation
    row["simulation"] = None if simulation is None else _fields(simulation) | {"tokens": _tokens_row(simulation.tokens)}
    stored: dict[str, Any] = storable(row)
    return stored


def result_of_row(row: Mapping[str, Any], values: LargeValues | None = None) -> CaseResult:
    """The result that a row of `RESULT_SCHEMA` was made of; event contents that were no text come back as JSON text.

    Args:
        row: of `RESULT_SCHEMA`, or of an earlier version.
        values: of the row's experiment, from which large values are read.
    """
    whole, answer = (row.get(name) for name in ("carried_from", "answer_from"))
    return CaseResult(
        **{
            **{name: value for name, value in row.items() if name in _FIELDS},
            "tags": tuple(row["tags"] or ()),
            "assertions": tuple(map(_assertion, row["assertions"] or ())),
            "turns": tuple(turn_of_row(turn, values) for turn in row["turns"] or ()),
            "tokens": TokenUsage.of_row(row["tokens"]),
            "error": _error(row["error"]),
            "reused_from": None if whole is None else ReusedFrom(**whole),
            "answer_from": None if answer is None else ReusedFrom(**answer),
            "simulation": _simulation(row.get("simulation")),
            "usage": _usage(row.get("usage")),
            "costs": tuple(
                CostShare(**{**share, "used": TokenUsage.of_row(share["used"])}) for share in row.get("costs") or ()
            ),
        }
    )


def storable(value: Any) -> Any:
    """`value` with text that UTF-8 can encode: half a surrogate pair, which a target's JSON may hold, becomes `?`."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as a mapping of its fields, which `asdict` would copy as deeply as they go: it took half of a row."""
    return dict(vars(value))


def _tokens_row(tokens: TokenUsage) -> dict[str, int]:
    return {"input": tokens.input, "output": tokens.output, "cached": tokens.cached}


def _maybe(value: Any) -> dict[str, Any] | None:
    return None if value is None else _fields(value)


def _turn_row(turn: TurnResult, values: LargeValues | None) -> dict[str, Any]:
    held = {
        "inputs": None if isinstance(turn.input, str) else json_text(turn.input),
        "outputs": None if turn.outputs == turn.response else json_text(turn.outputs),
        "messages": json_text(turn.messages) if turn.messages else None,
        "state": None if turn.state is None else json_text(turn.state),
    }
    if values is not None:
        held = {name: values.put(text) for name, text in held.items()}
    return _fields(turn) | held | {"input": turn.text, "events": [_event_row(event) for event in turn.events]}


def _event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    columns = {"type", "name", "id", "content", "args"}
    rest = {key: value for key, value in event.items() if key not in columns}
    return {
        "type": event["type"],
        "name": _text(event.get("name")),
        "id": _text(event.get("id")),
        "content": _text(event.get("content")),
        "args": json.dumps(event["args"], ensure_ascii=False, default=str) if "args" in event else None,
        "data": json.dumps(rest, ensure_ascii=False, default=str) if rest else None,
    }


def _text(value: Any) -> str | None:
    """What a column of text can hold: numbers for ids and objects for content are what tools give."""
    return value if value is None or isinstance(value, str) else json_text(value)


def _assertion(row: Mapping[str, Any]) -> AssertionResult:
    # Rows of earlier versions lack later columns.
    several = {name: tuple(row.get(name) or ()) for name in ("votes", "usage")}
    return AssertionResult(**{**row, **several, "error": _error(row["error"])})


def turn_of_row(row: Mapping[str, Any], values: LargeValues | None = None) -> TurnResult:
    """The turn that a struct of the column `turns` was made of; a large value without `values` is `{stored: name}`."""
    # Rows of earlier versions have text alone.
    held = {name: row[name] for name in _VALUES if row.get(name) is not None}
    value = {name: _value_of(text, values) for name, text in held.items()}
    fields = {name: each for name, each in row.items() if name not in _VALUES}
    fields |= {
        "input": value.get("inputs", row["input"]),
        "outputs": value.get("outputs", row["response"]),
        "messages": tuple(messages) if isinstance(messages := value.get("messages", ()), list | tuple) else (messages,),
        "state": value.get("state"),
        "events": tuple(map(_event, row["events"] or ())),
    }
    return TurnResult(**fields)


def _value_of(text: str, values: LargeValues | None) -> Any:
    if values is None:
        return {"stored": text} if is_name(text) else json.loads(text)
    return json.loads(values.get(text))


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    event = {name: row[name] for name in ("type", "name", "id", "content") if row[name] is not None}
    if row["args"] is not None:
        event["args"] = json.loads(row["args"])
    return {**event, **(json.loads(row["data"]) if row["data"] else {})}


def _simulation(row: Mapping[str, Any] | None) -> SimulationResult | None:
    return None if row is None else SimulationResult(**{**row, "tokens": TokenUsage.of_row(row["tokens"])})


def _usage(row: Mapping[str, Any] | None) -> AttemptUsage:
    return AttemptUsage(**{role: TokenUsage.of_row(usage) for role, usage in (row or {}).items() if usage is not None})


def _error(row: Mapping[str, Any] | None) -> EvaluationError | None:
    return None if row is None else EvaluationError(**row)
