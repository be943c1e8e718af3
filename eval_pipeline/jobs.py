"""One job per suite: the whole chain, from cases to gates, over the partitions of the run.

Add a job here when another part of the chain should be launched by itself. Keep out when it runs (`schedules.py`).
"""

import dagster as dg

from eval_pipeline.assets.corrections import CORRECTIONS, wants_corrections
from eval_pipeline.assets.upkeep import PARTITIONS_UP_TO_DATE
from eval_pipeline.assets.upstream import CASE_RESULTS, asset_key
from eval_pipeline.partitions import SUITE_TAG
from eval_pipeline.suite.suite import Suite


def job_name(suite: str) -> str:
    """The name of a suite's job."""
    return f"evaluate_{suite}"


def build_job(suite: Suite) -> dg.Definitions:
    """The job that evaluates a suite."""
    up_to_date = dg.AssetCheckKey(asset_key(suite.name, CASE_RESULTS), PARTITIONS_UP_TO_DATE)
    selection = dg.AssetSelection.groups(suite.name) - dg.AssetSelection.checks(up_to_date)
    if wants_corrections(suite):
        # They are pulled when somebody asks, and no evaluation fails because LangSmith is away.
        selection = selection - dg.AssetSelection.assets(asset_key(suite.name, CORRECTIONS))
    job = dg.define_asset_job(
        job_name(suite.name),
        # Dagster skips what comes after `case_results`; what that check says is reported by `experiment_summary`.
        selection=selection,
        description=suite.spec.description or f"Evaluate the suite {suite.name}.",
        tags={SUITE_TAG: suite.name},
    )
    return dg.Definitions(jobs=[job])
