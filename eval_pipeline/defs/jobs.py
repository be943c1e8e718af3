"""The jobs of a suite: the whole chain, from cases to gates, over the partitions of the run; and comparing variants.

Add a job here when another part of the chain should be launched by itself. Keep out when it runs (`schedules.py`).
"""

import dagster as dg

from eval_pipeline.defs.assets.corrections import CORRECTIONS, wants_corrections
from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline.defs.assets.promoted_prompt import PROMOTED_PROMPT
from eval_pipeline.defs.assets.upstream import CASE_RESULTS, SHARED_CONTEXT, TEST_CASES, VARIANT_COMPARISON, asset_key
from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.suite.suite import Suite


def job_name(suite: str) -> str:
    """The name of a suite's job."""
    return f"evaluate_{suite}"


def variants_job_name(suite: str) -> str:
    """The name of the job that compares a suite's variants."""
    return f"compare_variants_{suite}"


def build_variants_job(suite: Suite) -> dg.Definitions:
    """The job that compares the variants of a suite."""
    job = dg.define_asset_job(
        variants_job_name(suite.name),
        # A comparison says who won, whether or not the winner may be promoted.
        selection=_compared(suite) - dg.AssetSelection.checks_for_assets(asset_key(suite.name, VARIANT_COMPARISON)),
        description=f"Evaluate the variants of {suite.name} on the same cases, and say which one is better.",
        tags={SUITE_TAG: suite.name},
    )
    return dg.Definitions(jobs=[job])


def promotion_job_name(suite: str) -> str:
    """The name of the job that compares a suite's variants and promotes the winner."""
    return f"promote_{suite}"


def build_promotion_job(suite: Suite) -> dg.Definitions:
    """The job that compares the variants of a suite, and promotes the prompt of the one that won."""
    job = dg.define_asset_job(
        promotion_job_name(suite.name),
        selection=_compared(suite) | dg.AssetSelection.assets(asset_key(suite.name, PROMOTED_PROMPT)),
        description=f"Evaluate the variants of {suite.name} on the same cases, and promote the prompt that won.",
        tags={SUITE_TAG: suite.name},
    )
    return dg.Definitions(jobs=[job])


def _compared(suite: Suite) -> dg.AssetSelection:
    names = (TEST_CASES, SHARED_CONTEXT, VARIANT_COMPARISON)
    return dg.AssetSelection.assets(*(asset_key(suite.name, name) for name in names))


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
