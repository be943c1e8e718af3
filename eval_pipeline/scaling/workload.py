"""What is evaluated, and with what."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["local", "subprocess", "celery", "lambda", "ecs", "step_functions"]
_FAN_OUTS = ("subprocess", "lambda", "ecs", "step_functions")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The cases of a run, as they are on average."""

    cases: int
    repetitions: int = 1
    seconds: float = 10.0
    """Of an attempt, alone: the agent and its judges."""
    requests: float = 4.0
    """Calls of models in an attempt, all to one provider."""
    tokens_in: float = 4_000.0
    """Of all these calls together, as `tokens_out`."""
    tokens_out: float = 500.0
    dollars_in: float = 0.15
    """Of a million tokens. The default is a small model's: give your own."""
    dollars_out: float = 0.60
    context_s: float = 0.0
    """Building the shared context, or opening it where it is built."""
    traced: bool = True
    trace_events: float = 11.0
    """Of an attempt, to LangSmith; measured with an agent of one model call, 8 live and 3 grafted."""
    trace_bytes: float = 64_000.0
    """Measured: 640 MB for 10,000 cases, before compression."""
    unified: bool = False
    """Whether all attempts are of one trace."""

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.cases * self.repetitions


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Who evaluates, and what they may use."""

    kind: Kind = "local"
    workers: int = 1
    """At once: processes, places of Celery, calls of Lambda, containers."""
    concurrency: int = 8
    """`max_concurrency`: attempts at once in one worker."""
    cases_per_task: int = 25
    """Of a fan-out `cases_per_task`, of a backfill `max_cases_per_run`."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    shared_limits: bool = False
    """Whether all workers book at one place (`EVAL_PIPELINE_LIMITS`), rather than each having its share."""
    alone: bool = False
    """A state machine that is executed without a run of Dagster; its last state concludes."""
    poll_s: float = 5.0
    vcpu: float = 1.0
    """Of one worker; one process uses one core."""
    gb: float = 2.0

    @property
    def collected(self) -> bool:
        """Whether one run collects what workers make."""
        return self.kind in _FAN_OUTS and not self.alone

    @property
    def fans_out(self) -> bool:
        """Whether workers are given tasks."""
        return self.kind in _FAN_OUTS
