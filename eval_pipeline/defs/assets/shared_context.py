"""`shared_context`: what every case reads, queried once, as a Parquet snapshot; reused while nothing changed."""

import dagster as dg

from eval_pipeline.dagster_ext.terminal_runs import interrupt_cancels
from eval_pipeline.defs.assets.tracing import DATASET_URL, SHARED_TRACE_URL, check_once, launch_links, url_metadata
from eval_pipeline.defs.assets.upstream import SHARED_CONTEXT, TEST_CASES, asset_group, asset_key, find_latest, latest
from eval_pipeline.defs.automation import condition_of_inputs
from eval_pipeline.defs.compute_logs import private_compute_logs
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import DATASET_VERSION, context_metadata
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.upstream_reader import context_assets, reader_of
from eval_pipeline.pipeline.prepare import prepare_context
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.suite.dataset.stored import written_cases
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import assets_read_by


def build_shared_context(suite: Suite) -> dg.AssetsDefinition:
    """The asset `shared_context` of a suite."""
    kinds = {"parquet", "duckdb"} if suite.spec.context.tables else {"parquet"}

    @dg.asset(
        key=asset_key(suite, SHARED_CONTEXT),
        deps=[asset_key(suite, TEST_CASES), *context_assets(suite)],
        group_name=asset_group(suite),
        kinds=kinds,
        owners=list(suite.spec.owners),
        code_version="1",
        automation_condition=condition_of_inputs(suite),
        description="Tables, documents similar to each case, and patterns: queried once, read by every case.",
    )
    def shared_context(
        context: dg.AssetExecutionContext,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
        eval_progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult[None]:
        def report(message: str) -> None:
            context.log.info(message)
            eval_progress.step(message)

        assets = assets_read_by(reader_of(context))
        with interrupt_cancels(context), errors_as_failures(), private_compute_logs(context), assets:
            opened, settings = eval_store.open(), eval_langsmith.settings(eval_store)
            set_log_redactor(eval_langsmith.redactor())
            check_once(context, settings, eval_progress)
            version = latest(context, suite, TEST_CASES, DATASET_VERSION)
            # Only searches of documents depend on the cases, which may be very many.
            cases = [] if suite.spec.context.documents is None else written_cases(opened, suite, version)
            prepared = prepare_context(suite, opened, cases, settings, run_id=context.run.run_id, report=report)
        return dg.MaterializeResult(
            metadata={
                **launch_links(context, suite, settings, find_latest(context, suite, TEST_CASES, DATASET_URL)),
                **url_metadata(SHARED_TRACE_URL, prepared.trace_url),
                **context_metadata(prepared.snapshot, opened),
            },
            data_version=dg.DataVersion(prepared.context.id),
        )

    return shared_context
