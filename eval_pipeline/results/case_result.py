"""What is known of one attempt at one case: the row of Parquet that everything later is computed from."""

import datetime as dt
import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import pyarrow as pa

from eval_pipeline.results.usage import AttemptUsage, ModelUsage, TokenUsage
from eval_pipeline.telemetry.plain import text_of

RESULT_SCHEMA_VERSION = 3
_LONGEST_MESSAGE, _LONGEST_TRACEBACK = 20_000, 60_000
"""Characters."""

Status = Literal["passed", "failed", "error", "skipped"]


@dataclass(frozen=True, kw_only=True)
class EvaluationError:
    """Something that broke, as data."""

    name: str
    """The exception's class."""
    message: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> "EvaluationError":
        """The record of an exception; the innermost twenty frames. Of a very long message the middle is left out."""
        frames = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-20))
        message, frames = _within(text_of(error), _LONGEST_MESSAGE), _within(frames, _LONGEST_TRACEBACK)
        return cls(name=type(error).__name__, message=message, traceback=frames)


def _within(text: str, most: int) -> str:
    """`text`, or its beginning and its end: some errors say all that they were given."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}… ({len(text) - 2 * half} characters are left out) …{text[-half:]}"


class Vote(TypedDict):
    """What one judge said."""

    model: str
    passed: bool | None
    score: float | None
    """In [0, 1]."""
    label: str | None
    reasoning: str
    error: str | None
    """Why it gave no verdict, if it gave none."""


@dataclass(frozen=True, kw_only=True)
class AssertionResult:
    """What came of one assertion."""

    name: str
    type: str
    turn: int | None
    """The turn it was placed on; None for the whole conversation."""
    passed: bool | None
    """None when it only scores, or broke."""
    score: float | None
    """In [0, 1]; None when it broke or gave a label only."""
    weight: float
    message: str
    label: str | None = None
    error: EvaluationError | None = None
    """Set when the assertion itself broke; it is then neither passed nor failed nor a zero."""
    votes: Sequence[Vote] = ()
    """What each judge said, for assertions that judges decide."""
    usage: Sequence[ModelUsage] = ()
    """What the assertion's own model calls used. Of several results of one evaluator, the first has it."""


@dataclass(frozen=True, kw_only=True)
class TurnResult:
    """One exchange."""

    index: int
    input: str
    response: str
    events: Sequence[Mapping[str, Any]]
    """What happened meanwhile: `tool_call`, `tool_result`, `handoff`, `usage`, `message`, `error`."""
    latency_s: float
    ttft_s: float | None = None
    """Seconds until the first token of the answer; None from a target that does not stream."""


Ended = Literal["goal_reached", "stop_condition", "max_turns", "script_ended", "error"]


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """How a simulated conversation ended, and what playing the user took, which no figure of the target holds."""

    ended: Ended
    reason: str
    turns: int
    """Turns the simulated user took."""
    model: str | None = None
    """None for a scripted user."""
    calls: int = 0
    """Model calls made to play the user."""
    tokens: TokenUsage = field(default_factory=TokenUsage)
    cost_usd: float | None = None
    """None where it is not known."""


@dataclass(frozen=True, kw_only=True)
class ReusedFrom:
    """Where a result was made, if not in the experiment it stands in."""

    experiment: str
    run_id: str | None
    """Of its row there."""
    trace_url: str | None


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """Everything known of one attempt."""

    suite: str
    experiment: str
    case_id: str
    attempt: int
    """1 for the first."""
    variant: str | None
    split: str
    tags: tuple[str, ...]
    status: Status
    score: float | None
    """Weighted mean of the assertions' scores; None if nothing scored."""
    assertions: tuple[AssertionResult, ...]
    turns: tuple[TurnResult, ...]
    started_at: dt.datetime
    latency_s: float
    """Seconds the target took; judges are not in it."""
    tokens: TokenUsage
    """Of the target: `input`, `output` and `cached`."""
    cost_usd: float | None
    """Of the target; None where it is not known."""
    context_id: str | None
    dataset_version: str
    target_version: str
    fingerprint: str
    error: EvaluationError | None = None
    simulation: SimulationResult | None = None
    """Set if somebody played the user."""
    usage: AttemptUsage = field(default_factory=AttemptUsage)
    trace_id: str | None = None
    run_id: str | None = None
    trace_url: str | None = None
    carried_from: ReusedFrom | None = None
    """Set if nothing the result depends on had changed since, so that the attempt was not made again."""

    @property
    def failed_assertions(self) -> list[AssertionResult]:
        """Those that decided against the attempt."""
        return [
            found
            for found in self.assertions
            if found.weight > 0 and (found.passed is False or found.error is not None)
        ]

    def to_row(self) -> dict[str, Any]:
        """The result as a row of `RESULT_SCHEMA`."""
        row = {name: getattr(self, name, None) for name in RESULT_SCHEMA.names}
        row["tags"] = list(self.tags)
        row["assertions"] = [_fields(found) | {"error": _maybe(found.error)} for found in self.assertions]
        row["turns"] = [_fields(turn) | {"events": [_event_row(event) for event in turn.events]} for turn in self.turns]
        row["tokens"] = _tokens_row(self.tokens)
        row["usage"] = {role: _fields(used) for role, used in _fields(self.usage).items()}
        row["error"] = _maybe(self.error)
        row["carried_from"] = _maybe(self.carried_from)
        played = self.simulation
        row["simulation"] = None if played is None else _fields(played) | {"tokens": _tokens_row(played.tokens)}
        stored: dict[str, Any] = storable(row)
        return stored


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as a mapping of its fields, which `asdict` would copy as deeply as they go: it took half of a row."""
    return dict(vars(value))


def _tokens_row(tokens: TokenUsage) -> dict[str, int]:
    return {"input": tokens.input, "output": tokens.output, "cached": tokens.cached}


def _maybe(value: Any) -> dict[str, Any] | None:
    return None if value is None else _fields(value)


def storable(value: Any) -> Any:
    """`value` with text that UTF-8 has: half a surrogate pair, which JSON of a target's may hold, becomes `?`."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value


def _event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    named = {"type", "name", "id", "content", "args"}
    rest = {key: value for key, value in event.items() if key not in named}
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
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


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
        ("trace_id", pa.string()),
        ("run_id", pa.string()),
        ("trace_url", pa.string()),
        (
            "carried_from",
            pa.struct([("experiment", pa.string()), ("run_id", pa.string()), ("trace_url", pa.string())]),
        ),
    ],
    metadata={"eval_pipeline.schema_version": str(RESULT_SCHEMA_VERSION)},
)
