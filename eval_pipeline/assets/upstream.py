"""What an asset reads of the assets before it: their keys, and what their latest materializations say.

Belongs here: asset keys and reading metadata back. Does not belong here: writing it (`eval_pipeline.metadata`).
"""

import dagster as dg

from eval_pipeline.errors import MissingUpstreamError

TEST_CASES = "test_cases"
SHARED_CONTEXT = "shared_context"
CASE_RESULTS = "case_results"
EXPERIMENT_ASSET = "experiment"
EXPERIMENT_SUMMARY = "experiment_summary"

BACKFILL_TAG = "dagster/backfill"


def asset_key(suite: str, asset: str) -> dg.AssetKey:
    """The key of a suite's asset."""
    return dg.AssetKey([suite, asset])


def latest(instance: dg.DagsterInstance, suite: str, asset: str, name: str) -> str:
    """What the latest materialization of an asset says under `name`.

    Raises:
        MissingUpstreamError: it has not been materialized.
    """
    found = find_latest(instance, suite, asset, name)
    if found is None:
        key = asset_key(suite, asset).to_user_string()
        raise MissingUpstreamError(f"{key} has not been materialized yet", fix=f"materialize {key} first")
    return found


def find_latest(instance: dg.DagsterInstance, suite: str, asset: str, name: str) -> str | None:
    """As `latest`, or None."""
    event = instance.get_latest_materialization_event(asset_key(suite, asset))
    materialization = None if event is None else event.asset_materialization
    value = None if materialization is None else materialization.metadata.get(name)
    return None if value is None else str(value.value)


def launch_id(run: dg.DagsterRun) -> str:
    """What names the launch a run belongs to: its backfill, or the first of the runs it retries."""
    return run.tags.get(BACKFILL_TAG) or run.root_run_id or run.run_id
