"""`accepted_experiment`: the experiment, once every blocking gate has passed.

Dagster counts an asset of a backfill as done when it is materialized, whatever its checks say. This one is not
materialized if a blocking gate fails, so that the backfill fails too.
"""

import dagster as dg

from eval_pipeline.analysis.verdict import read_verdict
from eval_pipeline.defs.assets.tracing import traced_links
from eval_pipeline.defs.assets.upstream import (
    ACCEPTED_EXPERIMENT,
    EXPERIMENT_SUMMARY,
    asset_group,
    asset_key,
    latest,
)
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import EXPERIMENT
from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.defs.summary_metadata import verdict_metadata
from eval_pipeline.suite.suite import Suite


def build_accepted_experiment(suite: Suite) -> dg.AssetsDefinition:
    """The asset `accepted_experiment` of a suite."""

    @dg.asset(
        key=asset_key(suite, ACCEPTED_EXPERIMENT),
        deps=[asset_key(suite, EXPERIMENT_SUMMARY)],
        group_name=asset_group(suite),
        kinds={"python"},
        owners=list(suite.spec.owners),
        code_version="1",
        description="The latest experiment that passed every blocking gate. A run and a backfill fail without it.",
    )
    def accepted_experiment(context: dg.AssetExecutionContext, eval_store: StoreResource) -> dg.MaterializeResult[None]:
        with errors_as_failures():
            opened = eval_store.open()
            experiment = latest(context, suite, EXPERIMENT_SUMMARY, EXPERIMENT)
            verdict = read_verdict(opened, suite.name, experiment)
        return dg.MaterializeResult(
            metadata={
                **traced_links(opened, suite.name, experiment),
                EXPERIMENT: experiment,
                **verdict_metadata(verdict),
            }
        )

    return accepted_experiment
