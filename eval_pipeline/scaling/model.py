"""Predict the duration of a run: the seconds of each stage as if it were the only one; the longest is the bottleneck.

The attempts of a run are divided into *units*, which workers process one after another: tasks of a fan-out, runs of a
backfill, or, locally, a single one. With `T` units of `c` attempts on `W` workers there are `ceil(T / W)` waves. In
each wave a unit starts, and then takes the longest of

    agent       ceil(c / k) * seconds                    with k attempts at a time
    cores       c * CPU seconds / cores                  a process has one core
    requests    c * requests * 60 / (per minute / W)     evenly spaced; the worker's part of the limit, or all of it
    tokens      likewise

These overlap, since attempts wait for models and not for each other. One process collects the results, so the run takes
the longer of all waves and collecting, besides start and summary. Attempts are independent, and only rates and workers
cause queues, both evenly: a simulation of single events would add only the spread of the attempts' durations, which
delays the end of the last wave (`ends_late_s`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.workload import Deployment, Workload

REMEDY: Mapping[str, str] = {
    "agent": "more attempts at a time: max_concurrency, or workers",
    "cores": "more workers: a process uses one core",
    "requests": "a higher limit of requests a minute, or fewer calls a case",
    "tokens": "a higher limit of tokens a minute, or shorter prompts",
    "starting": "more cases per task or run, so that fewer start",
    "collecting": "several runs (a backfill on Celery), or the state machine without a run",
}
"""How to speed up each stage."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The predicted duration of a run."""

    duration_s: float
    """Until the summary is written."""
    stages: Mapping[str, float]
    """The seconds of each stage, as if it were the only one."""
    units: int
    waves: int
    unit_s: float
    """Seconds of one task, or run."""
    at_once: int
    """Workers in use."""
    ends_late_s: float
    """How much later the run ends if the last attempts take twice as long as the average."""
    traces_s: float
    """Until LangSmith has accepted all traces, which wait in the spool meanwhile; 0 without tracing."""

    @property
    def bottleneck(self) -> str:
        """The longest stage."""
        return max(self.stages, key=lambda name: self.stages[name])


def predict(workload: Workload, deployment: Deployment, constants: Constants | None = None) -> Prediction:
    """Predict the duration of a run.

    Args:
        workload: what is evaluated.
        deployment: the processes that evaluate.
        constants: by default the measured ones.
    """
    measured = constants or Constants()
    if deployment.kind == "local":
        size, units, at_once = workload.attempts, 1, 1
    else:
        size = min(workload.cases, deployment.cases_per_task) * workload.repetitions
        units = math.ceil(workload.cases / deployment.cases_per_task)
        at_once = min(deployment.workers, units)
    waves = math.ceil(units / at_once)
    cpu = measured.evaluating_cpu_s + (measured.tracing_cpu_s if workload.traced else 0.0)
    if not deployment.fans_out:
        cpu += measured.recording_cpu_s
    of_unit = {
        "agent": math.ceil(size / deployment.concurrency) * workload.seconds,
        "cores": size * cpu / min(1.0, deployment.vcpu),
        "requests": _paced(size * workload.requests, deployment.requests_per_minute, at_once),
        "tokens": _paced(size * (workload.tokens_in + workload.tokens_out), deployment.tokens_per_minute, at_once),
    }
    start_s = _unit_start_s(deployment, measured)
    unit_s = start_s + max(of_unit.values())
    collecting_s = workload.attempts * measured.recording_cpu_s if deployment.collected else 0.0
    around_s = _around_s(deployment, measured) + workload.context_s
    stages = {name: waves * seconds for name, seconds in of_unit.items()}
    if deployment.shared_limits:
        # Workers in the last wave use the parts of those that have finished.
        for name, asked, limit in (
            ("requests", workload.requests, deployment.requests_per_minute),
            ("tokens", workload.tokens_in + workload.tokens_out, deployment.tokens_per_minute),
        ):
            stages[name] = _paced(workload.attempts * asked, limit, 1)
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
        ends_late_s=workload.seconds,
        traces_s=_traces_s(workload, measured),
    )


def _paced(asked: float, per_minute: float | None, shares: int) -> float:
    return 0.0 if per_minute is None else asked * 60 * shares / per_minute


def _unit_start_s(deployment: Deployment, constants: Constants) -> float:
    match deployment.kind:
        case "local":
            return 0.0
        case "celery":
            return constants.run_s
        case "ecs":
            return constants.container_start_s + constants.worker_start_s + constants.task_s
        case _:
            return constants.task_s


def _around_s(deployment: Deployment, constants: Constants) -> float:
    """Seconds before the first case and after the last; warm workers start once."""
    match deployment.kind:
        case "celery":
            return constants.backfill_s
        case "subprocess":
            return constants.start_s + constants.worker_start_s
        case "lambda":
            return constants.start_s + constants.lambda_cold_s
        case "step_functions":
            return (
                (0.0 if deployment.alone else constants.start_s) + constants.execution_start_s + constants.lambda_cold_s
            )
        case _:
            return constants.start_s


def _traces_s(workload: Workload, constants: Constants) -> float:
    if not workload.traced:
        return 0.0
    hours = max(
        workload.attempts * workload.trace_events / constants.langsmith_events_per_hour,
        workload.attempts * workload.trace_bytes / (constants.langsmith_gb_per_hour * 1e9),
    )
    return 3_600 * hours
