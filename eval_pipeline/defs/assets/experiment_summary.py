"""`experiment_summary`: statistics, slices and the report of the experiment that this run belongs to."""

from collections.abc import Iterator

import dagster as dg
from pydantic import ConfigDict

from eval_pipeline.analysis.case_values import why_not_passed
from eval_pipeline.analysis.report.attempts import failing_rows
from eval_pipeline.defs.assets.partition_health import read_partition_health, up_to_date_check
from eval_pipeline.defs.assets.tracing import SESSION, summary_trace_metadata
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    EXPERIMENT_SUMMARY,
    asset_group,
    asset_key,
    experiment_of,
    find_latest,
)
from eval_pipeline.defs.automation import freshness_policy
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.summary_metadata import CaseToLookAt, summary_metadata
from eval_pipeline.pipeline.rescored_baseline import conclude_suite
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite


class ExperimentSummaryConfig(dg.Config):
    """What a run may choose."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    experiment: str | None = None
    """The experiment to summarize: by default this launch's own, or else the latest."""


def build_experiment_summary(suite: Suite) -> dg.AssetsDefinition:
    """The asset `experiment_summary` of a suite."""

    @dg.asset(
        key=asset_key(suite, EXPERIMENT_SUMMARY),
        deps=[asset_key(suite, EXPERIMENT_ASSET)],
        group_name=asset_group(suite),
        kinds={"python", "html"},
        owners=list(suite.spec.owners),
        code_version="1",
        freshness_policy=freshness_policy(suite),
        description="What came out, with intervals; what changed since the baseline; the gates; and the report.",
    )
    def experiment_summary(
        context: dg.AssetExecutionContext,
        config: ExperimentSummaryConfig,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
    ) -> dg.MaterializeResult[None]:
        with errors_as_failures():
            opened = eval_store.open()
            experiment = config.experiment or experiment_of(context, suite, opened)
            context.log.info("summarizing experiment %s", experiment)
            record = read_experiment(opened, suite.name, experiment)
            before = find_latest(context, suite, EXPERIMENT_SUMMARY, SESSION)
            conclusion = conclude_suite(opened, suite, record, eval_langsmith.settings(eval_store))
            context.log.info("experiment %s: %s", experiment, conclusion.verdict.in_words)
            failing = sorted(_failing(opened, suite.name, experiment), key=lambda each: each.case_id)
            health = read_partition_health(context, suite, opened, eval_langsmith.settings(eval_store))
        context.instance.report_runless_asset_event(up_to_date_check(health, suite, dg.AssetCheckEvaluation))
        return dg.MaterializeResult(
            metadata={
                **summary_metadata(
                    conclusion.verdict,
                    opened,
                    conclusion.pictures,
                    links=summary_trace_metadata(conclusion.traced, before),
                    report_url=conclusion.report_url,
                    failing=failing,
                    case_results=asset_key(suite, CASE_RESULTS),
                ),
            }
        )

    return experiment_summary


def _failing(store: Store, suite: str, experiment: str) -> Iterator[CaseToLookAt]:
    for row in failing_rows(store, suite, experiment):
        yield CaseToLookAt(
            case_id=row["case_id"], status=row["status"], why=why_not_passed(row), trace_url=row.get("trace_url")
        )
