"""Evaluating all cases of a suite in one launch: the runs that it takes, and the job that launches them.

Partitions exist once `test_cases` or a schedule has registered them, and Dagster launches no run over none. The job
needs no partitions, so that it can be launched for a new suite: it registers them and submits the runs.
"""

from collections.abc import Sequence

import dagster as dg

from eval_pipeline.dagster_ext.submitted_runs import submit_run
from eval_pipeline.defs.assets.upstream import LAUNCH_TAG, SHARE_TAG
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.partitions import SUITE_TAG, in_registry_order, range_tags, sync_partitions
from eval_pipeline.defs.upstream_reader import reader_of
from eval_pipeline.pipeline.shares import shares_of
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import AssetReader, assets_read_by


def launcher_name(suite: str) -> str:
    """The name of the job that evaluates all cases of a suite, whose partitions need not exist."""
    return f"evaluate_all_{suite}"


def register_all_cases(instance: dg.DagsterInstance, suite: Suite, assets: AssetReader) -> list[str]:
    """Register the partitions of a suite's cases, and return their ids.

    Raises:
        InputError: the cases cannot be read.
    """
    with assets_read_by(assets):
        case_ids = [case.id for case in load_dataset(suite).cases]
    sync_partitions(instance, suite.name, case_ids)
    return case_ids


def tags_of_runs(
    instance: dg.DagsterInstance, suite: Suite, case_ids: Sequence[str], launched: str
) -> list[dict[str, str]]:
    """The tags of the runs that evaluate registered cases in one launch, and so in one experiment."""
    shares = shares_of(in_registry_order(instance, suite.name, case_ids), suite.spec.evaluation.max_cases_per_run)
    return [
        {
            SUITE_TAG: suite.name,
            **range_tags(instance, suite.name, share),
            **({LAUNCH_TAG: launched, SHARE_TAG: f"{number}/{len(shares)}"} if len(shares) > 1 else {}),
        }
        for number, share in enumerate(shares, start=1)
    ]


def build_launcher(suite: Suite) -> dg.JobDefinition:
    """The job `evaluate_all_<suite>`."""
    evaluates = job_name(suite.name)

    @dg.op(
        name=f"{suite.name}__launch",
        out=dg.Out(dg.Nothing),
        description=f"Register a partition for each case, and submit the runs of {evaluates} over all of them.",
    )
    def launch(context: dg.OpExecutionContext) -> None:
        with errors_as_failures():
            job = context.repository_def.get_job(evaluates)
            case_ids = register_all_cases(context.instance, suite, reader_of(context))
            runs = tags_of_runs(context.instance, suite, case_ids, context.run.run_id)
            submitted = [submit_run(context.instance, context.run, job, tags) for tags in runs]
        links = [f"[{run_id[:8]}](/runs/{run_id})" for run_id in submitted]
        context.add_output_metadata({"runs": dg.MetadataValue.md(", ".join(links))})
        context.log.info("submitted %s of %s: %s", len(submitted), evaluates, ", ".join(submitted))

    @dg.job(
        name=launcher_name(suite.name),
        description=f"Evaluate all cases of {suite.name}, also of a new suite, whose partitions do not exist yet: "
        f"registers them and submits the runs of {evaluates}. Choose partitions of {evaluates} for some cases.",
        tags={SUITE_TAG: suite.name},
        executor_def=dg.in_process_executor,
    )
    def launcher() -> None:
        launch()

    return launcher
