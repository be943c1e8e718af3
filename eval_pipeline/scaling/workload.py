"""The workload of a run, and the deployment that evaluates it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["local", "subprocess", "celery", "lambda", "ecs", "step_functions"]
_FAN_OUTS = ("subprocess", "lambda", "ecs", "step_functions")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The cases of a run, as averages."""

    cases: int
    repetitions: int = 1
    seconds: float = 10.0
    """Seconds of one attempt: agent and judges."""
    requests: float = 4.0
    """Model calls of one attempt, all to one provider."""
    tokens_in: float = 4_000.0
    """Of all calls of one attempt together, as `tokens_out`."""
    tokens_out: float = 500.0
    dollars_in: float = 0.15
    """For a million tokens. The default is the price of a small model."""
    dollars_out: float = 0.60
    context_s: float = 0.0
    """Building the shared context, or opening an existing one."""
    traced: bool = True
    trace_events: float = 11.0
    """LangSmith events of one attempt; measured with an agent of one model call: 8 live and 3 grafted runs."""
    trace_bytes: float = 64_000.0
    """Measured: 640 MB for 10,000 cases, before compression."""
    unified: bool = False
    """Whether all attempts are in one trace."""

    @property
    def attempts(self) -> int:
        """Attempts at all cases."""
        return self.cases * self.repetitions


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The processes that evaluate, and their limits."""

    kind: Kind = "local"
    workers: int = 1
    """Workers at a time: processes, slots of Celery, calls of Lambda, containers."""
    concurrency: int = 8
    """`max_concurrency`: attempts at a time in one worker."""
    cases_per_task: int = 25
    """`cases_per_task` of a fan-out, `max_cases_per_run` of a backfill."""
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    shared_limits: bool = False
    """Whether all workers share the limits (`EVAL_PIPELINE_LIMITS`), instead of each having its part."""
    alone: bool = False
    """Whether a state machine is executed without a Dagster run; its last state makes the summary."""
    poll_s: float = 5.0
    vcpu: float = 1.0
    """Of one worker; a process uses one core."""
    gb: float = 2.0

    @property
    def collected(self) -> bool:
        """Whether a run collects the results of workers."""
        return self.kind in _FAN_OUTS and not self.alone

    @property
    def fans_out(self) -> bool:
        """Whether the cases are divided into tasks for workers."""
        return self.kind in _FAN_OUTS
