"""`shared_context`: what every case reads, queried once, as a Parquet snapshot; reused while nothing changed."""

import dagster as dg

from eval_pipeline.assets.failures import errors_as_failures
from eval_pipeline.assets.upstream import SHARED_CONTEXT, TEST_CASES, asset_key, latest
from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.metadata import DATASET_VERSION, context_metadata
from eval_pipeline.resources import Progress, StoreResource
from eval_pipeline.suite.stored_dataset import stored_cases
from eval_pipeline.suite.suite import Suite


def build_shared_context(suite: Suite) -> dg.AssetsDefinition:
    """The asset `shared_context` of a suite."""
    kinds = {"parquet", "duckdb"} if suite.spec.context.tables else {"parquet"}

    @dg.asset(
        key=asset_key(suite.name, SHARED_CONTEXT),
        deps=[asset_key(suite.name, TEST_CASES)],
        group_name=suite.name,
        kinds=kinds,
        owners=list(suite.spec.owners),
        code_version="1",
        description="Tables, documents similar to each case, and patterns: queried once, read by every case.",
    )
    def shared_context(
        context: dg.AssetExecutionContext, store: StoreResource, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        def report(message: str) -> None:
            context.log.info(message)
            progress.step(message)

        with errors_as_failures():
            opened = store.open()
            version = latest(context, suite.name, TEST_CASES, DATASET_VERSION)
            plan = plan_context(suite, stored_cases(opened, suite.name, version))
            snapshot = ensure_snapshot(plan, opened, report=report)
        return dg.MaterializeResult(
            metadata=context_metadata(snapshot, opened), data_version=dg.DataVersion(snapshot.manifest.context_id)
        )

    return shared_context
