"""What an asset reads of the assets before it: their keys, and what their latest materializations say.

Belongs here: asset keys and reading metadata back. Does not belong here: writing it (`eval_pipeline.metadata`).
"""

import dagster as dg

from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.experiment.record import experiment_name
from eval_pipeline.metadata import EXPERIMENT
from eval_pipeline.store.layout import experiment_key
from eval_pipeline.store.store import Store

TEST_CASES = "test_cases"
SHARED_CONTEXT = "shared_context"
CASE_RESULTS = "case_results"
EXPERIMENT_ASSET = "experiment"
EXPERIMENT_SUMMARY = "experiment_summary"

BACKFILL_TAG = "dagster/backfill"

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext

_RECENT = 50
"""Materializations among which a run looks for its own: more than run at once."""


def asset_key(suite: str, asset: str) -> dg.AssetKey:
    """The key of a suite's asset."""
    return dg.AssetKey([suite, asset])


def latest(context: Context, suite: str, asset: str, name: str) -> str:
    """What the latest materialization of an asset says under `name`; this run's own, if it made one.

    Raises:
        MissingUpstreamError: it has not been materialized.
    """
    found = find_latest(context, suite, asset, name)
    if found is None:
        key = asset_key(suite, asset).to_user_string()
        raise MissingUpstreamError(f"{key} has not been materialized yet", fix=f"materialize {key} first")
    return found


def find_latest(context: Context, suite: str, asset: str, name: str) -> str | None:
    """As `latest`, or None."""
    records = context.instance.fetch_materializations(asset_key(suite, asset), limit=_RECENT).records
    # Another run of the suite may have materialized the asset since this one did.
    own = [record for record in records if record.run_id == context.run.run_id]
    for record in [*own, *records][:1]:
        materialization = record.asset_materialization
        value = None if materialization is None else materialization.metadata.get(name)
        return None if value is None else str(value.value)
    return None


def launch_id(run: dg.DagsterRun) -> str:
    """What names the launch a run belongs to: its backfill, or the first of the runs it retries."""
    return run.tags.get(BACKFILL_TAG) or run.root_run_id or run.run_id


def experiment_of(context: Context, suite: str, store: Store) -> str:
    """The experiment of this run's launch, or else the latest.

    Raises:
        MissingUpstreamError: there is none.
    """
    own = experiment_name(suite, launch_id(context.run))
    if store.get(experiment_key(suite, own)) is not None:
        return own
    return latest(context, suite, EXPERIMENT_ASSET, EXPERIMENT)
