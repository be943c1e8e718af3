"""`test_cases`: the suite's cases, validated and written under their content hash, one partition for each."""

import dagster as dg

from eval_pipeline.dagster_ext.terminal_runs import interrupt_cancels
from eval_pipeline.defs.assets.tracing import DATASET_URL, check_once, launch_links, url_metadata
from eval_pipeline.defs.assets.upstream import TEST_CASES, asset_group, asset_key, find_latest
from eval_pipeline.defs.automation import condition_of_inputs
from eval_pipeline.defs.compute_logs import private_compute_logs
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.metadata import DATASET_VERSION, dataset_metadata
from eval_pipeline.defs.partitions import PARTITION_TAG, RANGE_START_TAG, sync_partitions
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.upstream_reader import case_assets, reader_of
from eval_pipeline.pipeline.prepare import keep_dataset, load_valid_dataset
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.suite.dataset.dataset import dataset_changes
from eval_pipeline.suite.dataset.stored import stored_hashes
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.upstream_assets import assets_read_by


def build_test_cases(suite: Suite) -> dg.AssetsDefinition:
    """The asset `test_cases` of a suite."""

    @dg.asset(
        key=asset_key(suite, TEST_CASES),
        deps=case_assets(suite),
        group_name=asset_group(suite),
        kinds={"yaml", "parquet"},
        owners=list(suite.spec.owners),
        code_version="1",
        automation_condition=condition_of_inputs(suite),
        description="The cases of the suite, validated, under a version that is a hash of their content.",
    )
    def test_cases(
        context: dg.AssetExecutionContext,
        eval_store: StoreResource,
        eval_langsmith: LangSmithResource,
        eval_progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult[None]:
        assets = assets_read_by(reader_of(context))
        with interrupt_cancels(context), errors_as_failures(), private_compute_logs(context), assets:
            opened, settings = eval_store.open(), eval_langsmith.settings(eval_store)
            set_log_redactor(eval_langsmith.redactor())
            dataset = load_valid_dataset(suite, settings)
            check_once(context, settings, eval_progress)
            before = find_latest(context, suite, TEST_CASES, DATASET_VERSION)
            hashes = None if before is None else stored_hashes(opened, suite.name, before)
            changes = dataset_changes(hashes or {}, dataset)
            url = keep_dataset(suite, opened, dataset, settings)
            # A run over partitions works on them itself, and then counts as in flight.
            has_partitions = bool({RANGE_START_TAG, PARTITION_TAG} & context.run.tags.keys())
            own_run = None if has_partitions else context.run.run_id
            partitions = sync_partitions(
                context.instance, suite.name, [case.id for case in dataset.cases], own_run=own_run
            )
        context.log.info("%d cases, dataset version %s", len(dataset.cases), dataset.version)
        metadata = dataset_metadata(dataset, changes, partitions, suite=suite.name, store=opened)
        return dg.MaterializeResult(
            metadata={
                **launch_links(context, suite, settings, url),
                **url_metadata(DATASET_URL, url),
                **metadata,
            },
            data_version=dg.DataVersion(dataset.version),
        )

    return test_cases
