"""What an asset reads of the assets before it: their keys, and metadata of their latest materializations."""

import dagster as dg

from eval_pipeline.defs.metadata import EXPERIMENT
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.store.layout import experiment_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite

TEST_CASES = "test_cases"
SHARED_CONTEXT = "shared_context"
CASE_RESULTS = "case_results"
EXPERIMENT_ASSET = "experiment"
EXPERIMENT_SUMMARY = "experiment_summary"
ACCEPTED_EXPERIMENT = "accepted_experiment"
EVALUATION_LAUNCH = "evaluation_launch"
CASE_PASSED = "case_passed"
"""The check on `case_results` that has an outcome for each partition."""
VARIANT_COMPARISON = "variant_comparison"

BACKFILL_TAG = "dagster/backfill"
ROOT_BACKFILL_TAG = "dagster/root_backfill_id"

LAUNCH_TAG = "eval/launch"
"""On a run, the launch it belongs to, where that is neither its backfill nor itself: a run that resumes an experiment,
and the runs that a schedule asks for together."""

SHARE_TAG = "eval/share"
"""On a run that has a share of a launch, such as `2/5`: only the last of them to end makes the summary."""

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext

_RECENT = 50
"""Materializations among which a run looks for its own: more than run at once."""


EVALUATION_ASSETS = (
    TEST_CASES,
    SHARED_CONTEXT,
    CASE_RESULTS,
    EXPERIMENT_ASSET,
    EXPERIMENT_SUMMARY,
    ACCEPTED_EXPERIMENT,
)
"""What the job that evaluates a suite materializes, by the order of the graph."""


def asset_key(suite: Suite, asset: str) -> dg.AssetKey:
    """The key of a suite's asset."""
    return dg.AssetKey([*suite.spec.assets.key_prefix, suite.name, asset])


def case_passed_key(suite: Suite) -> dg.AssetCheckKey:
    """The key of the check whether the case of a partition passed."""
    return dg.AssetCheckKey(asset_key(suite, CASE_RESULTS), CASE_PASSED)


def asset_group(suite: Suite) -> str:
    """The group of a suite's assets."""
    return suite.spec.assets.group or suite.name


def latest(context: Context, suite: Suite, asset: str, name: str) -> str:
    """The metadata `name` of the latest materialization of an asset; of this run's own, if it made one.

    Raises:
        MissingUpstreamError: it has not been materialized.
    """
    value = find_latest(context, suite, asset, name)
    if value is None:
        key = asset_key(suite, asset).to_user_string()
        raise MissingUpstreamError(f"{key} has not been materialized yet", fix=f"materialize {key} first")
    return value


def find_latest(context: Context, suite: Suite, asset: str, name: str) -> str | None:
    """As `latest`, or None."""
    records = context.instance.fetch_materializations(asset_key(suite, asset), limit=_RECENT).records
    # Another run of the suite may have materialized the asset since this one did.
    own = [record for record in records if record.run_id == context.run.run_id]
    for record in [*own, *records][:1]:
        materialization = record.asset_materialization
        value = None if materialization is None else materialization.metadata.get(name)
        return None if value is None else str(value.value)
    return None


def launch_id(context: Context | dg.OpExecutionContext) -> str:
    """The id of the launch that a run belongs to: its tag, or its backfill, or its root run.

    Dagster takes the backfill's tag from a run that is re-executed, and gives a re-executed backfill an id of its own;
    the root run and the root backfill are what they have in common with the first try.
    """
    run = context.run
    root = context.instance.get_run_by_id(run.root_run_id) if run.root_run_id else None
    first = root or run
    named = (first.tags.get(tag) for tag in (LAUNCH_TAG, ROOT_BACKFILL_TAG, BACKFILL_TAG))
    return next((launch for launch in named if launch), first.run_id)


def experiment_of(context: Context, suite: Suite, store: Store) -> str:
    """The experiment of this run's launch, or else that of the latest results.

    Raises:
        MissingUpstreamError: there is none.
    """
    own = experiment_name(suite.name, launch_id(context))
    if store.get(experiment_key(suite.name, own)) is not None:
        return own
    return latest(context, suite, CASE_RESULTS, EXPERIMENT)
