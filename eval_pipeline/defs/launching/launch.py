"""Running a suite's job through Dagster, in this process, on the instance the UI shows."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.analysis.verdict import ExperimentVerdict, read_verdict
from eval_pipeline.defs.assets.case_results import case_results_op_name
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    EXPERIMENT_SUMMARY,
    LAUNCH_TAG,
    SHARED_CONTEXT,
    asset_key,
)
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.checks import gates_op_name
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.launching.cli_runs import being_run
from eval_pipeline.defs.launching.instance import databases_at
from eval_pipeline.defs.metadata import CONTEXT_REUSED
from eval_pipeline.defs.partitions import SUITE_TAG, range_tags, sync_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.errors import EvalPipelineError, PermanentError
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.results.experiment_record import ExperimentRecord, experiment_name, read_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.trace_status import read_traced


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a command line asks to be run."""

    all_cases: Sequence[str]
    """Ids, like `chosen`: ten thousand cases take 25 MB, which nobody needs for as long as the run takes."""
    chosen: Sequence[str]
    repetitions: int | None
    """None for the suite's number."""
    resumed: ExperimentRecord | None = None
    """The experiment to go on with; a new one by default."""
    retry_errors: bool = False
    reuse: str | None = None
    """None for what the suite says."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a launch came to."""

    record: ExperimentRecord
    verdict: ExperimentVerdict
    store: Store
    context_reused: bool
    experiment_url: str | None
    """Where its traces are; None if nothing was traced."""
    traces_lost: int
    """Runs and scores of this launch that neither the server nor the spool took."""
    run_id: str
    wall_s: float


class Stopped(KeyboardInterrupt):
    """A run was interrupted; its finished results are in the result log."""

    def __init__(self, experiment: str) -> None:
        super().__init__()
        self.experiment = experiment
        self.add_note("finished results are kept")


class RunBrokenError(EvalPipelineError):
    """What made a run fail; what it had finished is in the result log."""

    def __init__(self, error: EvalPipelineError, experiment: str) -> None:
        super().__init__(str(error))
        self.exit_code, self.experiment = error.exit_code, experiment


def launch(
    suite: Suite,
    *,
    request: Request,
    store: StoreResource,
    langsmith: LangSmithResource,
    instance: dg.DagsterInstance,
    progress: Progress,
) -> Outcome:
    """Run the suite's job over the chosen cases and read back what came out.

    Raises:
        EvalPipelineError: the run could not begin.
        RunBrokenError: it failed.
        Stopped: it was interrupted.
    """
    started = time.perf_counter()
    opened = store.open()
    overrides = {
        "store": store,
        "langsmith": langsmith,
        "progress": dg.ResourceDefinition.hardcoded_resource(progress),
    }
    job = build_definitions(folders=[suite.folder], resource_overrides=overrides).resolve_job_def(job_name(suite.name))
    home = Path(instance.root_directory)
    with databases_at(home):
        sync_partitions(instance, suite.name, request.all_cases)
    run_id = str(uuid.uuid4())
    launched = run_id if request.resumed is None else request.resumed.launched_by["launch"]
    experiment = experiment_name(suite.name, launched)
    before = {found.run_id for found in read_traced(opened, suite.name, experiment)}
    try:
        with being_run(home, experiment, run_id), databases_at(home):
            result = job.execute_in_process(
                run_config=_run_config(suite, request),
                instance=instance,
                run_id=run_id,
                tags=_tags(instance, suite, request, launched),
                asset_selection=_selection(suite, request),
                raise_on_error=False,
            )
        if not result.success and not _only_gates_failed(result, suite.name):
            raise cause_of(result)
    except EvalPipelineError as error:
        raise RunBrokenError(error, experiment) from error
    except KeyboardInterrupt as interrupt:
        raise Stopped(experiment) from interrupt
    traced = read_traced(opened, suite.name, experiment)
    return Outcome(
        record=read_experiment(opened, suite.name, experiment),
        verdict=read_verdict(opened, suite.name, experiment),
        store=opened,
        context_reused=_context_reused(result, suite.name),
        experiment_url=traced[0].session.url if traced else None,
        traces_lost=sum(found.delivery.lost for found in traced if found.run_id not in before),
        run_id=result.dagster_run.run_id,
        wall_s=round(time.perf_counter() - started, 3),
    )


def _tags(instance: dg.DagsterInstance, suite: Suite, request: Request, launched: str) -> dict[str, str]:
    resumed = {} if request.resumed is None else {LAUNCH_TAG: launched}
    return {SUITE_TAG: suite.name, **range_tags(instance, suite.name, request.chosen), **resumed}


def _run_config(suite: Suite, request: Request) -> dict[str, Any]:
    every = len(request.chosen) == len(request.all_cases) and request.resumed is None
    config = {
        "cases": None if every else list(request.chosen),
        "repetitions": request.repetitions,
        "retry_errors": request.retry_errors or None,
        "reuse": request.reuse,
    }
    given = {name: value for name, value in config.items() if value is not None}
    return {
        "ops": {case_results_op_name(suite.name): {"config": given}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }


def _selection(suite: Suite, request: Request) -> list[dg.AssetKey] | None:
    """What goes on needs neither cases nor context anew: the record pins both."""
    if request.resumed is None:
        return None
    return [asset_key(suite.name, name) for name in (CASE_RESULTS, EXPERIMENT_ASSET, EXPERIMENT_SUMMARY)]


def _context_reused(result: dg.ExecuteInProcessResult, suite: str) -> bool:
    key = asset_key(suite, SHARED_CONTEXT)
    for event in result.get_asset_materialization_events():
        if event.asset_key == key:
            return bool(event.step_materialization_data.materialization.metadata[CONTEXT_REUSED].value)
    return True


def _only_gates_failed(result: dg.ExecuteInProcessResult, suite: str) -> bool:
    """Whether what made the run fail is a blocking gate, which is an answer and no accident."""
    failures = result.get_step_failure_events()
    return bool(failures) and all(
        event.step_key == gates_op_name(suite)
        and event.step_failure_data.error is not None
        and event.step_failure_data.error.cls_name == "DagsterAssetCheckFailedError"
        for event in failures
    )


def cause_of(result: dg.ExecuteInProcessResult) -> EvalPipelineError:
    """Why the run failed, as the error that was raised in it."""
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and "exit_code" in failure.metadata:
            error = EvalPipelineError(failure.description or "the run failed")
            error.exit_code = int(failure.metadata["exit_code"].value)  # type: ignore[arg-type]
            return error
        if data.error is not None and data.error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
            raise KeyboardInterrupt
        if data.error is not None:
            reason = (data.error.cause or data.error).message.strip()
            return PermanentError(
                f"{event.step_key} failed: {reason}", fix=f"see run {result.dagster_run.run_id} in the Dagster UI"
            )
    return PermanentError("the run failed", fix=f"see run {result.dagster_run.run_id} in the Dagster UI")
