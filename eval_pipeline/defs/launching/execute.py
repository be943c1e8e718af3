"""Executes a job of a suite in this process, on the instance that the UI shows, and reports how the run ended."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.dagster_ext.terminal_runs import runs_belong_to, terminal_tags
from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.launching.cli_runs import run_lock
from eval_pipeline.defs.launching.instance import databases_at
from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.defs.resources import LANGSMITH, PROGRESS, STORE, LangSmithResource, StoreResource
from eval_pipeline.errors import EvalPipelineError, PermanentError
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.suite.suite import Suite


class RunInterruptedError(KeyboardInterrupt):
    """A run was interrupted; its finished results are in the result log."""

    def __init__(self, experiment: str) -> None:
        super().__init__()
        self.experiment = experiment
        self.add_note("finished results are kept")


class RunFailedError(EvalPipelineError):
    """A run failed, with the message and the exit code of its cause; its finished results are in the result log."""

    def __init__(self, cause: EvalPipelineError, experiment: str) -> None:
        super().__init__(str(cause))
        self.exit_code, self.experiment = cause.exit_code, experiment


def resolve_job(
    suite: Suite, name: str, *, store: StoreResource, langsmith: LangSmithResource, progress: Progress
) -> dg.JobDefinition:
    """A job of the suite, with these resources."""
    resources = {
        STORE: store,
        LANGSMITH: langsmith,
        PROGRESS: dg.ResourceDefinition.hardcoded_resource(progress),
    }
    return build_definitions(suites=[suite], resource_overrides=resources).resolve_job_def(name)


def execute_job(
    job: dg.JobDefinition,
    *,
    suite: str,
    experiment: str,
    run_id: str,
    instance: dg.DagsterInstance,
    op_config: Mapping[str, Mapping[str, Any]],
    tags: Mapping[str, str],
    selection: Sequence[dg.AssetKey] | None,
    succeeded: Callable[[dg.ExecuteInProcessResult], bool],
) -> dg.ExecuteInProcessResult:
    """Execute a job while holding the lock of its experiment.

    Args:
        job: from `resolve_job`.
        suite: the name of the suite.
        experiment: the experiment, or the comparison of variants, that the run creates or resumes.
        run_id: the id of the run.
        instance: where the run is recorded.
        op_config: the config of ops, by name; values that are None are left out.
        tags: tags in addition to that of the suite.
        selection: the assets to materialize; None for all of the job.
        succeeded: whether a result counts as success.

    Raises:
        RunFailedError: the run failed.
        RunInterruptedError: it was interrupted.
    """
    home = Path(instance.root_directory)
    ops = {
        name: {"config": {field: value for field, value in config.items() if value is not None}}
        for name, config in op_config.items()
    }
    try:
        location = PipelineSettings.from_environment().code_location
        belongs = runs_belong_to(instance, location, job.name)
        with run_lock(home, experiment, run_id), databases_at(home), belongs:
            result = job.execute_in_process(
                run_config={"ops": ops, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                instance=instance,
                run_id=run_id,
                tags={SUITE_TAG: suite, **terminal_tags(location), **tags},
                asset_selection=selection,
                raise_on_error=False,
            )
        if not succeeded(result):
            raise _cause_of(result)
    except EvalPipelineError as error:
        raise RunFailedError(error, experiment) from error
    except KeyboardInterrupt as interrupt:
        raise RunInterruptedError(experiment) from interrupt
    return result


def _cause_of(result: dg.ExecuteInProcessResult) -> EvalPipelineError:
    """Why the run failed: the error of its first failed step.

    Raises:
        KeyboardInterrupt: the step was interrupted.
    """
    fix = f"see run {result.dagster_run.run_id} in the Dagster UI"
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
            return PermanentError(f"{event.step_key} failed: {reason}", fix=fix)
    return PermanentError("the run failed", fix=fix)
