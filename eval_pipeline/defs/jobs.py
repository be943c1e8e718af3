"""The jobs of a suite: evaluate it, compare its variants, promote the prompt of the variant that won.

To add a job for another selection of assets, write a `build_…` function and call it in `build.py`. When a job runs is
in `schedules.py` and `sensors`. See https://docs.dagster.io/guides/build/jobs.
"""

from collections.abc import Sequence

import dagster as dg

from eval_pipeline.defs.assets.corrections import CORRECTIONS, wants_corrections
from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline.defs.assets.promoted_prompt import PROMOTED_PROMPT
from eval_pipeline.defs.assets.upstream import (
    CASE_RESULTS,
    EVALUATION_ASSETS,
    EVALUATION_LAUNCH,
    SHARED_CONTEXT,
    TEST_CASES,
    VARIANT_COMPARISON,
    asset_key,
    case_passed_key,
)
from eval_pipeline.defs.automation import is_automated
from eval_pipeline.defs.partitions import SUITE_TAG
from eval_pipeline.suite.suite import Suite


def job_name(suite: str) -> str:
    """The name of the job that evaluates a suite."""
    return f"evaluate_{suite}"


def variants_job_name(suite: str) -> str:
    """The name of the job that compares the variants of a suite."""
    return f"compare_variants_{suite}"


def promotion_job_name(suite: str) -> str:
    """The name of the job that compares the variants of a suite and promotes the prompt that won."""
    return f"promote_{suite}"


def build_job(suite: Suite) -> dg.Definitions:
    """The job that evaluates a suite, over the partitions of the run."""
    # `experiment_summary` reports this check: Dagster skips a step of its own after the events of `case_results`.
    up_to_date = dg.AssetCheckKey(asset_key(suite, CASE_RESULTS), PARTITIONS_UP_TO_DATE)
    selection = _assets(suite, EVALUATION_ASSETS)
    if suite.spec.assets.group is None:
        # What a project adds to the suite's group is a part of its job; a group that suites share is not.
        selection |= dg.AssetSelection.groups(suite.name)
        if is_automated(suite):
            # Whose run submits one of this job.
            selection -= _assets(suite, (EVALUATION_LAUNCH,))
    # Nor is the check of each case planned, of which Dagster writes a row for each partition before the run begins.
    selection -= dg.AssetSelection.checks(up_to_date, case_passed_key(suite))
    if wants_corrections(suite):
        # Corrections are downloaded on request, so that no evaluation fails because LangSmith does not answer.
        selection -= _assets(suite, (CORRECTIONS,))
    about = suite.spec.description or f"Evaluate the suite {suite.name}."
    description = f"{about}\n\nNo partitions yet? Launch `evaluate_all_{suite.name}`, which registers them."
    return _job(job_name(suite.name), suite, selection, description)


def build_variants_job(suite: Suite) -> dg.Definitions:
    """The job that compares the variants of a suite."""
    # The check says whether the winner may be promoted, which a comparison does not depend on.
    check = dg.AssetSelection.checks_for_assets(asset_key(suite, VARIANT_COMPARISON))
    description = f"Evaluate the variants of {suite.name} on the same cases and compare them."
    return _job(variants_job_name(suite.name), suite, _comparison(suite) - check, description)


def build_promotion_job(suite: Suite) -> dg.Definitions:
    """The job that compares the variants of a suite and promotes the prompt that won."""
    selection = _comparison(suite) | dg.AssetSelection.assets(asset_key(suite, PROMOTED_PROMPT))
    description = f"Evaluate the variants of {suite.name} on the same cases and promote the prompt that won."
    return _job(promotion_job_name(suite.name), suite, selection, description)


def _comparison(suite: Suite) -> dg.AssetSelection:
    return _assets(suite, (TEST_CASES, SHARED_CONTEXT, VARIANT_COMPARISON))


def _assets(suite: Suite, names: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(asset_key(suite, name) for name in names))


def _job(name: str, suite: Suite, selection: dg.AssetSelection, description: str) -> dg.Definitions:
    tags = {SUITE_TAG: suite.name}
    # Steps depend on each other, and the step that evaluates is concurrent by itself: one process per run.
    executor = dg.in_process_executor
    job = dg.define_asset_job(name, selection=selection, description=description, tags=tags, executor_def=executor)
    return dg.Definitions(jobs=[job])
