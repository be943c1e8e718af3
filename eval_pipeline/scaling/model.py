"""How long it takes: what every stage would take were it the only one, and the longest of them.

A run's attempts are cut into *units*, which so many workers take one after the other: tasks of a fan-out, runs of a
backfill, or, locally, all of it at once. With `T` units of `c` attempts on `W` workers there are `ceil(T / W)` waves.
In each a unit takes its start, and then the longest of

    agent       ceil(c / k) * seconds                    k attempts at once
    cores       c * CPU seconds / cores                  one process has one core
    requests    c * requests * 60 / (a minute's / W)     evenly spaced; a worker's share, or the fleet's
    tokens      likewise

which overlap, since attempts wait for models, not for each other. Collecting results is one process's work whatever the
workers do, so the whole is the longer of waves and collecting, after what comes before and before what comes after. No
attempt depends on another, and nothing queues but for rates and workers, which both serve evenly: a simulation event by
event would add but the spread of attempts' durations, of which the last wave has the longest (`ends_late_s`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.workload import Deployment, Workload

REMEDY: Mapping[str, str] = {
    "agent": "more attempts at once: max_concurrency, or workers",
    "cores": "more workers: one process has one core",
    "requests": "a higher limit of requests a minute, or fewer calls a case",
    "tokens": "a higher limit of tokens a minute, or shorter prompts",
    "starting": "more cases per task or run, so that fewer have to start",
    "collecting": "several runs (a backfill on Celery), or the state machine without a run",
}
"""What helps where a stage decides."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What is to be expected."""

    duration_s: float
    """Until the summary is there."""
    stages: Mapping[str, float]
    """Seconds that each would take, were it the only one."""
    units: int
    waves: int
    unit_s: float
    """Of one task, or run."""
    at_once: int
    """Workers that have something to do."""
    ends_late_s: float
    """By how much it may be later, if the last attempts take twice as long as others."""
    traces_s: float
    """Until LangSmith has taken all traces, which wait in the spool meanwhile; 0 without."""

    @property
    def bottleneck(self) -> str:
        """The stage that decides."""
        return max(self.stages, key=lambda name: self.stages[name])


def predict(load: Workload, by: Deployment, constants: Constants | None = None) -> Prediction:
    """What a run takes.

    Args:
        load: what is evaluated.
        by: who evaluates it.
        constants: by default those that were measured.
    """
    known = constants or Constants()
    size = load.attempts if by.kind == "local" else min(load.cases, by.cases_per_task) * load.repetitions
    units = 1 if by.kind == "local" else math.ceil(load.cases / by.cases_per_task)
    at_once = 1 if by.kind == "local" else min(by.workers, units)
    waves = math.ceil(units / at_once)
    cpu = known.evaluating_cpu_s + (known.tracing_cpu_s if load.traced else 0.0)
    if not by.fans_out:
        cpu += known.recording_cpu_s
    of_unit = {
        "agent": math.ceil(size / by.concurrency) * load.seconds,
        "cores": size * cpu / min(1.0, by.vcpu),
        "requests": _paced(size * load.requests, by.requests_per_minute, at_once),
        "tokens": _paced(size * (load.tokens_in + load.tokens_out), by.tokens_per_minute, at_once),
    }
    start_s = _unit_start_s(by, known)
    unit_s = start_s + max(of_unit.values())
    collecting_s = load.attempts * known.recording_cpu_s if by.collected else 0.0
    around_s = _around_s(by, known) + load.context_s
    stages = {name: waves * found for name, found in of_unit.items()}
    if by.shared_limits:
        # A share that nobody uses in the last wave is used by the others.
        for name, asked, limit in (
            ("requests", load.requests, by.requests_per_minute),
            ("tokens", load.tokens_in + load.tokens_out, by.tokens_per_minute),
        ):
            stages[name] = _paced(load.attempts * asked, limit, 1)
        apart = waves * (start_s + max(of_unit["agent"], of_unit["cores"]))
        working_s = max(apart, stages["requests"], stages["tokens"])
        unit_s = working_s / waves
    else:
        working_s = waves * unit_s
    stages |= {"starting": around_s + waves * start_s, "collecting": collecting_s}
    return Prediction(
        duration_s=around_s + max(working_s, collecting_s),
        stages=stages,
        units=units,
        waves=waves,
        unit_s=unit_s,
        at_once=at_once,
        ends_late_s=load.seconds,
        traces_s=_traces_s(load, known),
    )


def _paced(asked: float, per_minute: float | None, shares: int) -> float:
    return 0.0 if per_minute is None else asked * 60 * shares / per_minute


def _unit_start_s(by: Deployment, known: Constants) -> float:
    match by.kind:
        case "local":
            return 0.0
        case "celery":
            return known.run_s
        case "ecs":
            return known.container_start_s + known.worker_start_s + known.task_s
        case _:
            return known.task_s


def _around_s(by: Deployment, known: Constants) -> float:
    """Before the first case and after the last; workers that stay warm start once."""
    match by.kind:
        case "celery":
            return known.backfill_s
        case "subprocess":
            return known.start_s + known.worker_start_s
        case "lambda":
            return known.start_s + known.lambda_cold_s
        case "step_functions":
            return (0.0 if by.alone else known.start_s) + known.execution_start_s + known.lambda_cold_s
        case _:
            return known.start_s


def _traces_s(load: Workload, known: Constants) -> float:
    if not load.traced:
        return 0.0
    hours = max(
        load.attempts * load.trace_events / known.langsmith_events_per_hour,
        load.attempts * load.trace_bytes / (known.langsmith_gb_per_hour * 1e9),
    )
    return 3_600 * hours
