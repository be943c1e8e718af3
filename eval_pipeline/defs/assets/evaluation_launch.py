"""`evaluation_launch`: the latest evaluation that `automation:` launched; its run submits that of the cases due."""

import dagster as dg

from eval_pipeline.dagster_ext.submitted_runs import submit_run
from eval_pipeline.defs.assets.case_results import case_results_op_name
from eval_pipeline.defs.assets.partition_health import read_partition_health
from eval_pipeline.defs.assets.tracing import launch_links
from eval_pipeline.defs.assets.upstream import EVALUATION_LAUNCH, SHARED_CONTEXT, TEST_CASES, asset_group, asset_key
from eval_pipeline.defs.automation import condition_of_launch
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.launch_all import register_all_cases, tags_of_runs
from eval_pipeline.defs.metadata import listed_keys
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.upstream_reader import reader_of
from eval_pipeline.suite.suite import Suite


def build_evaluation_launch(suite: Suite) -> dg.AssetsDefinition:
    """The asset `evaluation_launch` of a suite that is automated."""
    evaluates, on_cron = job_name(suite.name), suite.spec.automation == "on_cron"
    inputs = [] if on_cron else [asset_key(suite, name) for name in (TEST_CASES, SHARED_CONTEXT)]

    @dg.asset(
        key=asset_key(suite, EVALUATION_LAUNCH),
        deps=inputs,
        group_name=asset_group(suite),
        kinds={"python"},
        owners=list(suite.spec.owners),
        code_version="1",
        automation_condition=condition_of_launch(suite),
        description=f"The evaluations that `automation: {suite.spec.automation}` launches: submits a run of "
        f"`{evaluates}` over the cases that are due.",
    )
    def evaluation_launch(
        context: dg.AssetExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> dg.MaterializeResult[None]:
        with errors_as_failures():
            settings = eval_langsmith.settings(eval_store)
            due = _due(context, suite, eval_store, eval_langsmith)
            chosen = {} if on_cron else {"cases": due}
            config = {"ops": {case_results_op_name(suite.name): {"config": chosen}}}
            runs = tags_of_runs(context.instance, suite, due, context.run.run_id) if due else []
            submitted = [
                submit_run(context.instance, context.run, context.repository_def.get_job(evaluates), tags, config)
                for tags in runs
            ]
        context.log.info("%d cases are due: submitted %d runs of %s", len(due), len(submitted), evaluates)
        links = ", ".join(f"[{run_id[:8]}](/runs/{run_id})" for run_id in submitted)
        return dg.MaterializeResult(
            metadata={
                **launch_links(context, suite, settings, None),
                "eval/cases_due": listed_keys(due),
                "eval/runs": dg.MetadataValue.md(links or "none"),
            }
        )

    return evaluation_launch


def _due(
    context: dg.AssetExecutionContext, suite: Suite, store: StoreResource, langsmith: LangSmithResource
) -> list[str]:
    """The cases to evaluate: all at a time of the schedule, else those without a current result.

    Cases whose run failed are not among them: they would fail again at each change.
    """
    case_ids = register_all_cases(context.instance, suite, reader_of(context))
    if suite.spec.automation == "on_cron":
        return case_ids
    health = read_partition_health(context, suite, store.open(), langsmith.settings(store))
    outdated = () if suite.spec.automation == "on_missing" else health.stale
    return sorted({*health.never_run, *outdated} & {*case_ids})
