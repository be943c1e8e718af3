"""Runs the job that evaluates a suite, and reads the results."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from eval_pipeline.analysis.verdict import ExperimentVerdict, read_verdict
from eval_pipeline.defs.assets.case_results import case_results_op_name
from eval_pipeline.defs.assets.upstream import (
    ACCEPTED_EXPERIMENT,
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    EXPERIMENT_SUMMARY,
    LAUNCH_TAG,
    SHARED_CONTEXT,
    asset_key,
)
from eval_pipeline.defs.checks import gates_op_name
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.launching.execute import execute_job, resolve_job
from eval_pipeline.defs.launching.instance import databases_at
from eval_pipeline.defs.metadata import CONTEXT_REUSED
from eval_pipeline.defs.partitions import range_tags, sync_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.results.experiment_record import ExperimentRecord, experiment_name, read_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """What to evaluate."""

    all_cases: Sequence[str]
    """The ids of all cases of the suite."""
    chosen: Sequence[str]
    """The ids of the cases to evaluate."""
    repetitions: int | None
    """None for the suite's setting."""
    resumed: ExperimentRecord | None = None
    """The experiment to resume; None for a new one."""
    retry_errors: bool = False
    reuse: str | None = None
    """None for the suite's setting."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOutcome:
    """The results of an evaluation."""

    record: ExperimentRecord
    verdict: ExperimentVerdict
    store: Store
    context_reused: bool
    experiment_url: str | None
    """The address of the traces; None if nothing was traced."""
    traces_lost: int
    """Runs and scores that neither the server nor the spool accepted."""
    run_id: str
    wall_s: float


def launch(
    suite: Suite,
    *,
    request: EvaluationRequest,
    store: StoreResource,
    langsmith: LangSmithResource,
    instance: dg.DagsterInstance,
    progress: Progress,
) -> EvaluationOutcome:
    """Evaluate the chosen cases and read the results.

    Raises:
        EvalPipelineError: the run could not start.
        RunFailedError: it failed, other than by a blocking gate.
        RunInterruptedError: it was interrupted.
    """
    started = time.perf_counter()
    opened = store.open()
    job = resolve_job(suite, job_name(suite.name), store=store, langsmith=langsmith, progress=progress)
    with databases_at(Path(instance.root_directory)):
        sync_partitions(instance, suite.name, request.all_cases)
    run_id, resumed = str(uuid.uuid4()), request.resumed
    launched = run_id if resumed is None else resumed.launched_by["launch"]
    experiment = experiment_name(suite.name, launched)
    runs_before = {run.run_id for run in read_traced(opened, suite.name, experiment)}
    all_cases = resumed is None and len(request.chosen) == len(request.all_cases)
    config = {
        "cases": None if all_cases else list(request.chosen),
        "repetitions": request.repetitions,
        "retry_errors": request.retry_errors or None,
        "reuse": request.reuse,
    }
    # A resumed experiment needs neither cases nor context: its record pins both.
    assets = (CASE_RESULTS, EXPERIMENT_ASSET, EXPERIMENT_SUMMARY, ACCEPTED_EXPERIMENT)
    result = execute_job(
        job,
        suite=suite.name,
        experiment=experiment,
        run_id=run_id,
        instance=instance,
        op_config={case_results_op_name(suite.name): config},
        tags={
            **range_tags(instance, suite.name, request.chosen),
            **({} if resumed is None else {LAUNCH_TAG: launched}),
        },
        selection=None if resumed is None else [asset_key(suite, name) for name in assets],
        succeeded=lambda result: result.success or _only_gates_failed(result, suite.name),
    )
    traced = read_traced(opened, suite.name, experiment)
    return EvaluationOutcome(
        record=read_experiment(opened, suite.name, experiment),
        verdict=read_verdict(opened, suite.name, experiment),
        store=opened,
        context_reused=_context_reused(result, suite),
        experiment_url=traced[0].session.url if traced else None,
        traces_lost=sum(run.delivery.lost for run in traced if run.run_id not in runs_before),
        run_id=result.dagster_run.run_id,
        wall_s=round(time.perf_counter() - started, 3),
    )


def _context_reused(result: dg.ExecuteInProcessResult, suite: Suite) -> bool:
    key = asset_key(suite, SHARED_CONTEXT)
    for event in result.get_asset_materialization_events():
        if event.asset_key == key:
            return bool(event.step_materialization_data.materialization.metadata[CONTEXT_REUSED].value)
    return True


def _only_gates_failed(result: dg.ExecuteInProcessResult, suite: str) -> bool:
    """Whether only blocking gates made the run fail, which is a result of the evaluation."""
    failures = result.get_step_failure_events()
    return bool(failures) and all(
        event.step_key == gates_op_name(suite)
        and event.step_failure_data.error is not None
        and event.step_failure_data.error.cls_name == "DagsterAssetCheckFailedError"
        for event in failures
    )
