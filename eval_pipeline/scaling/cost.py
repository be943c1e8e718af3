"""The cost of a run, and warnings of limits that it exceeds."""

from collections.abc import Mapping

from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.model import Prediction
from eval_pipeline.scaling.workload import Deployment, Workload

_SLOW_PAGE_S = 10.0
_MACHINE_MB = 8_000.0


def dollars(
    workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants
) -> Mapping[str, float]:
    """The cost of each part: `models`, `workers`, `machine`, `storage`, `traces`."""
    million = 1e6
    models = (
        workload.attempts
        * (workload.tokens_in * workload.dollars_in + workload.tokens_out * workload.dollars_out)
        / million
    )
    return {
        "models": models,
        "workers": _workers(deployment, prediction, constants),
        "machine": _machines(deployment) * prediction.duration_s / 3_600 * constants.machine_hour,
        "storage": _storage(workload, deployment, prediction, constants),
        "traces": workload.attempts * constants.trace if workload.traced else 0.0,
    }


def _workers(deployment: Deployment, prediction: Prediction, constants: Constants) -> float:
    """Services that are paid by the second, which includes the time that attempts wait."""
    seconds = prediction.units * prediction.unit_s
    match deployment.kind:
        case "lambda" | "step_functions":
            calls = seconds * deployment.gb * constants.lambda_gb_s + prediction.units * constants.lambda_call
            mapped = prediction.units * constants.transitions_per_task * constants.transition
            return calls + (mapped if deployment.kind == "step_functions" else 0.0)
        case "ecs":
            return (
                seconds
                / 3_600
                * (deployment.vcpu * constants.fargate_vcpu_hour + deployment.gb * constants.fargate_gb_hour)
            )
        case _:
            return 0.0


def _machines(deployment: Deployment) -> float:
    """Machines with two cores: that of the run, and those of Celery's workers."""
    return (0.0 if deployment.alone else 1.0) + (deployment.workers / 2 if deployment.kind == "celery" else 0.0)


def _storage(workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants) -> float:
    """Requests to S3, and storing results for a month."""
    runs = prediction.units if deployment.kind == "celery" else 1
    puts = runs * constants.run_puts + workload.attempts * constants.attempt_puts
    lists, gets = runs * constants.run_lists, runs * constants.run_gets
    if deployment.fans_out:
        puts += prediction.units * constants.task_puts
        lists += prediction.units * (constants.task_lists + prediction.unit_s / deployment.poll_s)
        gets += prediction.units * constants.task_gets + (
            workload.attempts * constants.attempt_gets if deployment.collected else 0
        )
    kept = workload.attempts * constants.stored_bytes / 1e9 * constants.s3_gb_month
    return (puts + lists) * constants.s3_write + gets * constants.s3_read + kept


def warnings(
    workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants
) -> Mapping[str, str]:
    """Limits that the run exceeds, by name."""
    return {
        name: text
        for part in (_lambda, _run, _traces)
        for name, text in part(workload, deployment, prediction, constants).items()
    }


def _lambda(workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants) -> dict[str, str]:
    if deployment.kind not in {"lambda", "step_functions"}:
        return {}
    messages, limit_s = {}, constants.lambda_limit_s
    if prediction.unit_s > limit_s:
        ends = f"Lambda ends it after {limit_s:,.0f}"
        messages["task"] = f"a task takes {prediction.unit_s:,.0f} s, and {ends}: use fewer cases per task"
    if deployment.workers > constants.lambda_parallel:
        account = f"the account's quota of {constants.lambda_parallel:,.0f}"
        messages["calls"] = f"{deployment.workers:,} calls at a time exceed {account}, unless the quota is raised"
    if deployment.alone and (summary_s := workload.attempts * constants.summary_s) > limit_s:
        messages["summary"] = f"its last state takes {summary_s:,.0f} s, and Lambda ends it after {limit_s:,.0f}"
    return messages


def _run(workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants) -> dict[str, str]:
    del prediction
    if deployment.alone:
        return {}
    messages = {}
    held = constants.run_mb + constants.case_mb * (
        deployment.cases_per_task if deployment.kind == "celery" else workload.attempts
    )
    if held > _MACHINE_MB:
        messages["memory"] = (
            f"the run needs {held / 1000:,.0f} GB of memory: use several runs, each with a part of the cases"
        )
    page_s, events_gb = workload.cases * constants.partitions_page_s, workload.cases * constants.event_bytes / 1e9
    if page_s > _SLOW_PAGE_S:
        messages["page"] = (
            f"Dagster's page of the partitions takes {page_s:,.0f} s, and its events {events_gb:,.1f} GB of Postgres "
            "an experiment: use several suites, or the state machine alone"
        )
    if deployment.kind == "celery" and deployment.requests_per_minute is not None and not deployment.shared_limits:
        messages["limits"] = "each run uses the whole limit of requests: set EVAL_PIPELINE_LIMITS to share it"
    return messages


def _traces(workload: Workload, deployment: Deployment, prediction: Prediction, constants: Constants) -> dict[str, str]:
    del deployment
    messages = {}
    if workload.unified and workload.traced and workload.attempts * workload.trace_events / 2 > constants.unified_runs:
        messages["unified"] = f"one trace may have {constants.unified_runs:,.0f} runs: use trace mode grafted"
    if prediction.traces_s > max(prediction.duration_s, 3_600):
        messages["traces"] = (
            f"LangSmith's rate limits make sending the traces take {prediction.traces_s / 3_600:,.1f} h: sample them "
            "(LANGSMITH_TRACING_SAMPLING_RATE), or keep them in the recorder"
        )
    return messages
