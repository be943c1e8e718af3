"""A task of a worker, some cases of an experiment, and its answer. References only: the data are in the store."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eval_pipeline.errors import EvalPipelineError, InputError, PermanentError, Problem, TransientError
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import GraftLlmAs, GraftTiming, LangSmithSettings, Mode, TraceMode

MOST_BYTES = 128 * 1024
"""Of a task as JSON. AWS takes 256 KiB, of state machines and of asynchronous calls alike, wrapping included."""


class TaskTracing(BaseModel):
    """How attempts are traced: as in the run that asks. Keys and addresses are those of the worker's environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode
    trace_mode: TraceMode = "grafted"
    graft_timing: GraftTiming = "instant"
    graft_llm_as: GraftLlmAs = "chain"
    trace_sample_rate: float = 1.0
    begun_by: str | None = None
    """The run that set the experiment up at the servers, and wrote so to the store; None: the worker sets it up."""
    dataset_cases: int = 1
    """Cases of the dataset, among which the cost of the shared context is divided."""

    @classmethod
    def of(cls, settings: LangSmithSettings, *, begun_by: str | None, dataset_cases: int) -> Self:
        """As in a run with these settings."""
        names = ("mode", "trace_mode", "graft_timing", "graft_llm_as", "trace_sample_rate")
        given = {name: getattr(settings, name) for name in names}
        return cls(**given, begun_by=begun_by, dataset_cases=dataset_cases)

    def settings(self) -> dict[str, Any]:
        """Settings that override the environment's."""
        return {"tracing_enabled": True, **self.model_dump(exclude={"begun_by", "dataset_cases"})}


class TaskRedaction(BaseModel):
    """What is taken out of results: the same as in the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    redaction_enabled: bool = True
    redact_phone_numbers: bool = False
    redaction_patterns: Mapping[str, str] = Field(default_factory=dict)


def task_fields(
    record: ExperimentRecord, settings: LangSmithSettings, *, store: str, tracing: TaskTracing | None
) -> dict[str, Any]:
    """What all tasks of an experiment have in common."""
    redaction = {name: getattr(settings, name) for name in TaskRedaction.model_fields}
    return {
        "suite": record.suite,
        "experiment": record.experiment,
        "context_id": record.context_id,
        "dataset_version": record.dataset_version,
        "store": store,
        "headers": record.trace_headers or {},
        "tracing": tracing,
        "redaction": TaskRedaction(**redaction),
        "evaluation_timeout_seconds": settings.evaluation_timeout_seconds,
    }


class TaskLimits(BaseModel):
    """A worker's share of what the run may use; None is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    max_tokens: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, gt=0)


class WorkerTask(BaseModel):
    """Some cases of an experiment, for one worker."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    context_id: str | None = None
    dataset_version: str | None = None
    """Like `context_id` what the experiment's record pins; a task that names another one is refused."""
    task: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,100}$")
    """Names its results: the same task has the same name, in every run and every try."""
    case_ids: tuple[str, ...] = Field(min_length=1)
    finished: Mapping[str, Sequence[int]] = Field(default_factory=dict)
    """By case, the numbers of attempts that are finished."""
    log_order: int = 0
    """The place in the result log of the run that gives the task, so that its results count instead of earlier ones."""
    retry_errors: bool = False
    reuse_answers: bool = False
    """Whether answers of earlier experiments, of which nothing has changed, are scored instead of the target's."""
    store: str | None = None
    """The store's URI; by default what `EVAL_PIPELINE_STORE` says."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """`langsmith-trace` and `baggage`, in trace mode `unified`."""
    tracing: TaskTracing | None = None
    """None: attempts are not traced."""
    redaction: TaskRedaction = TaskRedaction()
    evaluation_timeout_seconds: float = Field(default=300.0, gt=0)
    """Seconds for one attempt, where the suite gives none: those of the run that asks."""
    limits: TaskLimits | None = None
    """None: the suite's limits are this worker's alone."""
    raise_errors: Literal["never", "transient", "all"] = "never"
    """Failures of the infrastructure that a Lambda handler raises, for a caller that retries, instead of answering."""
    call: str = ""
    """Comes back in the answer, so that a caller can match it with its call."""

    @model_validator(mode="after")
    def _knows_its_cases(self) -> Self:
        if unknown := self.finished.keys() - set(self.case_ids):
            raise ValueError(f"`finished` names {min(unknown)!r}, which is none of the task's cases")
        return self

    def to_json(self) -> bytes:
        """The task as JSON.

        Raises:
            InputError: it is too large.
        """
        data = orjson.dumps(self.model_dump(mode="json", exclude_defaults=True))
        if len(data) > MOST_BYTES:
            raise InputError(
                Problem(
                    message=f"task {self.task} has {len(data):,} bytes, and may have {MOST_BYTES:,}",
                    fix="lower `cases_per_task`, or give cases shorter ids",
                    field="compute.cases_per_task",
                )
            )
        return data


def read_task(data: bytes | str | Mapping[str, Any], *, source: str = "the task") -> WorkerTask:
    """A task, parsed.

    Raises:
        InputError: it is no task, or too large; names every field that is wrong.
    """
    raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else orjson.dumps(data)
    if len(raw) > MOST_BYTES:
        message = (
            f"it has {len(raw):,} bytes, and may have {MOST_BYTES:,}: a task refers to cases, it does not hold them"
        )
        raise InputError(Problem(message=message, fix="give fewer cases", file=source))
    try:
        return WorkerTask.model_validate_json(raw)
    except ValidationError as error:
        raise InputError(
            [
                Problem(
                    message=problem["msg"],
                    fix="see `WorkerTask` in eval_pipeline/workers/task.py",
                    file=source,
                    field=".".join(map(str, problem["loc"])) or None,
                )
                for problem in error.errors(include_input=False, include_url=False)
            ]
        ) from error


class Failure(BaseModel):
    """Why a task could not be done; a case that ends in an error is a result, and no failure."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    """The class of the error."""
    message: str
    fix: str
    retryable: bool

    @classmethod
    def of(cls, error: Exception) -> Self:
        """The failure that an error is."""
        fix = getattr(error, "fix", "see the worker's log")
        retryable = isinstance(error, EvalPipelineError) and error.retryable
        message = str(getattr(error, "message", error))
        return cls(kind=type(error).__name__, message=message, fix=str(fix), retryable=retryable)

    def error(self, task: str) -> EvalPipelineError:
        """The error, raised in the process that asked."""
        message = f"the worker of {task} failed: {self.kind}: {self.message}"
        if self.kind == InputError.__name__:
            return InputError(Problem(message=message, fix=self.fix))
        return (TransientError if self.retryable else PermanentError)(message, fix=self.fix)


class TaskAnswer(BaseModel):
    """What a worker reports of a task when it has ended. The results themselves are in the store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    experiment: str
    task: str
    call: str = ""
    attempts: int = 0
    """Of the task."""
    finished: int = 0
    """Of them, those with a result now."""
    made: int = 0
    """Of them, those that this worker made now."""
    errors: int = 0
    """Of those made, those that ended in an error."""
    skipped: int = 0
    """Not made, because the budget was spent."""
    tokens: int = 0
    cost_usd: float | None = None
    unpriced_models: tuple[str, ...] = ()
    runs_sent: int = 0
    runs_spooled: int = 0
    runs_dropped: int = 0
    wall_s: float = 0.0
    failure: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing of the task is left to do."""
        return self.failure is None and self.finished + self.skipped >= self.attempts
