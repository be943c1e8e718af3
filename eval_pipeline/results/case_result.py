"""The result of one attempt at one case, from which everything later is computed."""

import datetime as dt
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict, get_args

from eval_pipeline.content.inputs import input_text
from eval_pipeline.results.usage import AttemptUsage, CostShare, ModelUsage, TokenUsage
from eval_pipeline.telemetry.plain import text_of

_LONGEST_MESSAGE, _LONGEST_TRACEBACK = 20_000, 60_000
"""Characters."""

Status = Literal["passed", "failed", "error", "limit", "unscored", "skipped"]
"""`limit`: a limit of the attempt was reached; `unscored`: nothing decided; `skipped`: the attempt was not made."""

STATUSES: tuple[Status, ...] = get_args(Status)
"""Every status, in the order in which they are listed."""
COMPLETED: frozenset[Status] = frozenset({"passed", "failed", "unscored"})
"""An attempt with one of these ran to its end, so that its result can be reused."""
NOT_PASSED: tuple[Status, ...] = ("failed", "error", "limit")
"""What the pass rate counts as 0."""


@dataclass(frozen=True, kw_only=True)
class EvaluationError:
    """An exception, as data."""

    name: str
    """The exception's class."""
    message: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> "EvaluationError":
        """The record of an exception, with twenty frames at most. Of a very long message the middle is left out."""
        frames = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-20))
        message, frames = _within(text_of(error), _LONGEST_MESSAGE), _within(frames, _LONGEST_TRACEBACK)
        return cls(name=type(error).__name__, message=message, traceback=frames)


def _within(text: str, most: int) -> str:
    """`text`, or its beginning and its end: some errors repeat all of their input."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}… ({len(text) - 2 * half} characters are left out) …{text[-half:]}"


class Vote(TypedDict):
    """The answer of one judge."""

    model: str
    passed: bool | None
    score: float | None
    """In [0, 1]."""
    label: str | None
    reasoning: str
    error: str | None
    """Why there is no verdict, if there is none."""
    seen: NotRequired[Sequence[str]]
    """What the judge was shown besides the conversation, and how much of it."""


@dataclass(frozen=True, kw_only=True)
class AssertionResult:
    """The result of one assertion."""

    name: str
    type: str
    turn: int | None
    """The turn it was placed on; None for the whole conversation."""
    passed: bool | None
    """None when it only scores, broke, or was not carried out because the attempt ended in an error before."""
    score: float | None
    """In [0, 1]; None when it broke, gave a label only, or was not carried out."""
    weight: float
    message: str
    label: str | None = None
    value: float | None = None
    """The number of a metric without bounds, such as a length; it has no score."""
    worst: float | None = None
    """Of such a metric: what gates count for an attempt that ended in an error."""
    error: EvaluationError | None = None
    """Set when the assertion itself broke; it is then neither passed nor failed nor a zero."""
    votes: Sequence[Vote] = ()
    """The answer of each judge, for assertions that judges decide."""
    usage: Sequence[ModelUsage] = ()
    """What the assertion's own model calls used. Of several results of one evaluator, the first has it."""
    version: str | None = None
    """Of the assertion: its fields, code, models and prompts. None in rows of earlier versions."""
    fingerprint: str | None = None
    """Of the version and of what the assertion sees of the case: equal ones of one answer are equal scores."""
    reused_from: str | None = None
    """The experiment in which the score was made, if it was not made again."""


SAMPLED_OUT = "the trace is not in the sample (trace_sample_rate)"
"""Why an attempt that was traced has no trace to look at."""
AS_RESPONSE: Any = object()
"""Stands for outputs that are the text of the response."""


@dataclass(frozen=True, kw_only=True)
class TurnResult:
    """One exchange."""

    index: int
    input: Any
    """What the target was given, as JSON: text, content blocks, a message, messages or a mapping."""
    response: str
    """What a person reads of the outputs."""
    events: Sequence[Mapping[str, Any]]
    """Between input and response: `tool_call`, `tool_result`, `handoff`, `usage`, `message`, `error`."""
    latency_s: float
    ttft_s: float | None = None
    """Seconds until the first token of the answer; None from a target that does not stream."""
    outputs: Any = AS_RESPONSE
    """What the target returned, as JSON; by default the response."""
    messages: Sequence[Any] = ()
    """The messages of the answer as JSON, where the target has messages."""
    state: Mapping[str, Any] | None = None
    """The final state of a graph, as JSON, where it is more than the outputs."""

    def __post_init__(self) -> None:
        """The outputs of a target that answers with text are that text."""
        if self.outputs is AS_RESPONSE:
            object.__setattr__(self, "outputs", self.response)

    @property
    def text(self) -> str:
        """What a person reads of the input."""
        return input_text(self.input)


Ended = Literal["goal_reached", "stop_condition", "max_turns", "script_ended", "error"]


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """How a simulated conversation ended, and what the simulated user used, which is in no figure of the target."""

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
    """The experiment in which a reused result was made."""

    experiment: str
    run_id: str | None
    """Of its row in that experiment."""
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
    """Weighted mean of the assertions' scores; None if nothing scored, and for an error."""
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
    """Set if the user was simulated."""
    usage: AttemptUsage = field(default_factory=AttemptUsage)
    costs: tuple[CostShare, ...] = ()
    """The same by model, and the target's by tool. Empty in rows of earlier versions."""
    trace_id: str | None = None
    run_id: str | None = None
    trace_url: str | None = None
    """None where nothing is traced, or the trace is not in the sample that is sent."""
    limit: str | None = None
    """The limit that ended the attempt, and what was used: `tool_calls: 5, at most 4`."""
    answer_fingerprint: str | None = None
    """Of what the answer depends on; None in rows of earlier versions."""
    fingerprint_without_context: str | None = None
    """Of all that the result depends on but the shared context; None without one, and in rows of earlier versions."""
    answer_without_context: str | None = None
    """As that, of the answer."""
    context_reads: str | None = None
    """What the attempt read of the shared context, as JSON: a hash of what each call returned. None if not known."""
    answer_from: ReusedFrom | None = None
    """Set if only the answer was reused, and scored again where an assertion had changed."""
    reused_from: ReusedFrom | None = None
    """Set if nothing the result depends on had changed since, so that the attempt was not made again. Stored in the
    column `carried_from`."""

    @property
    def sampled_out(self) -> bool:
        """Whether its trace was made but not sent, since it is not in the sample."""
        return self.run_id is not None and self.trace_url is None

    @property
    def failed_assertions(self) -> list[AssertionResult]:
        """The assertions that decided against the attempt."""
        return [
            result
            for result in self.assertions
            if result.weight > 0 and (result.passed is False or result.error is not None)
        ]
