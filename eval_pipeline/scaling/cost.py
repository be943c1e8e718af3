"""What it costs, and what does not fit."""

from collections.abc import Mapping

from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.model import Prediction
from eval_pipeline.scaling.workload import Deployment, Workload

_SLOW_PAGE_S = 10.0
_MACHINE_MB = 8_000.0


def dollars(load: Workload, by: Deployment, found: Prediction, known: Constants) -> Mapping[str, float]:
    """What each part costs: `models`, `workers`, `machine`, `storage`, `traces`."""
    million = 1e6
    models = load.attempts * (load.tokens_in * load.dollars_in + load.tokens_out * load.dollars_out) / million
    return {
        "models": models,
        "workers": _workers(by, found, known),
        "machine": _machines(by) * found.duration_s / 3_600 * known.machine_hour,
        "storage": _storage(load, by, found, known),
        "traces": load.attempts * known.trace if load.traced else 0.0,
    }


def _workers(by: Deployment, found: Prediction, known: Constants) -> float:
    """Of services that are paid by the second. A worker is paid while its attempts wait, too."""
    seconds = found.units * found.unit_s
    match by.kind:
        case "lambda" | "step_functions":
            calls = seconds * by.gb * known.lambda_gb_s + found.units * known.lambda_call
            mapped = found.units * known.transitions_per_task * known.transition
            return calls + (mapped if by.kind == "step_functions" else 0.0)
        case "ecs":
            return seconds / 3_600 * (by.vcpu * known.fargate_vcpu_hour + by.gb * known.fargate_gb_hour)
        case _:
            return 0.0


def _machines(by: Deployment) -> float:
    """Of two cores: the run's, and those of Celery's places."""
    return (0.0 if by.alone else 1.0) + (by.workers / 2 if by.kind == "celery" else 0.0)


def _storage(load: Workload, by: Deployment, found: Prediction, known: Constants) -> float:
    """Requests to S3, and a month of results."""
    runs = found.units if by.kind == "celery" else 1
    puts = runs * known.run_puts + load.attempts * known.attempt_puts
    lists, gets = runs * known.run_lists, runs * known.run_gets
    if by.fans_out:
        puts += found.units * known.task_puts
        lists += found.units * (known.task_lists + found.unit_s / by.poll_s)
        gets += found.units * known.task_gets + (load.attempts * known.attempt_gets if by.collected else 0)
    kept = load.attempts * known.stored_bytes / 1e9 * known.s3_gb_month
    return (puts + lists) * known.s3_write + gets * known.s3_read + kept


def warnings(load: Workload, by: Deployment, found: Prediction, known: Constants) -> Mapping[str, str]:
    """What does not fit, however long one waits, by what it is."""
    return {name: text for part in (_lambda, _run, _traces) for name, text in part(load, by, found, known).items()}


def _lambda(load: Workload, by: Deployment, found: Prediction, known: Constants) -> dict[str, str]:
    if by.kind not in {"lambda", "step_functions"}:
        return {}
    told, limit_s = {}, known.lambda_limit_s
    if found.unit_s > limit_s:
        told["task"] = f"a task takes {found.unit_s:,.0f} s, and Lambda ends it after {limit_s:,.0f}: give it fewer"
    if by.workers > known.lambda_parallel:
        account = f"an account's {known.lambda_parallel:,.0f}"
        told["calls"] = f"{by.workers:,} calls at once are more than {account}, unless more are asked for"
    if by.alone and (summary_s := load.attempts * known.summary_s) > limit_s:
        told["summary"] = f"its last state takes {summary_s:,.0f} s, and Lambda ends it after {limit_s:,.0f}"
    return told


def _run(load: Workload, by: Deployment, found: Prediction, known: Constants) -> dict[str, str]:
    del found
    if by.alone:
        return {}
    told = {}
    held = known.run_mb + known.case_mb * (by.cases_per_task if by.kind == "celery" else load.attempts)
    if held > _MACHINE_MB:
        told["memory"] = f"the run holds {held / 1000:,.0f} GB: several runs, each of a part of the cases"
    page_s, events_gb = load.cases * known.partitions_page_s, load.cases * known.event_bytes / 1e9
    if page_s > _SLOW_PAGE_S:
        told["page"] = (
            f"Dagster's page of the partitions takes {page_s:,.0f} s, and its events {events_gb:,.1f} GB of Postgres "
            "an experiment: several suites, or the state machine alone"
        )
    if by.kind == "celery" and by.requests_per_minute is not None and not by.shared_limits:
        told["limits"] = "every run has the whole limit of requests to itself: set EVAL_PIPELINE_LIMITS"
    return told


def _traces(load: Workload, by: Deployment, found: Prediction, known: Constants) -> dict[str, str]:
    del by
    told = {}
    if load.unified and load.traced and load.attempts * load.trace_events / 2 > known.unified_runs:
        told["unified"] = f"one trace has at most {known.unified_runs:,.0f} runs: use trace mode grafted"
    if found.traces_s > max(found.duration_s, 3_600):
        told["traces"] = (
            f"LangSmith's limits take {found.traces_s / 3_600:,.1f} h for the traces, longer than the run: sample them "
            "(LANGSMITH_TRACING_SAMPLING_RATE), or keep them in the recorder"
        )
    return told
