"""One job per suite: the whole chain, from cases to gates, over the partitions of the run.

Add a job here when another part of the chain should be launched by itself. Keep out when it runs (`schedules.py`).
"""

import dagster as dg

from eval_pipeline.partitions import SUITE_TAG
from eval_pipeline.suite.suite import Suite


def job_name(suite: str) -> str:
    """The name of a suite's job."""
    return f"evaluate_{suite}"


def build_job(suite: Suite) -> dg.Definitions:
    """The job that evaluates a suite."""
    job = dg.define_asset_job(
        job_name(suite.name),
        selection=dg.AssetSelection.groups(suite.name),
        description=suite.spec.description or f"Evaluate the suite {suite.name}.",
        tags={SUITE_TAG: suite.name},
    )
    return dg.Definitions(jobs=[job])
