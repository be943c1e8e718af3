"""The nightly schedule of a suite, configured by `schedule:` in suite.yaml.

To add a schedule, write a `build_…` function and call it in `build.py`. What reacts to an event is a sensor. See
https://docs.dagster.io/guides/automate/schedules.
"""

import dagster as dg

from eval_pipeline.defs.assets.upstream import LAUNCH_TAG, SHARE_TAG
from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.partitions import SUITE_TAG, in_registry_order, range_tags, sync_partitions
from eval_pipeline.pipeline.shares import shares_of
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.suite import Suite


def build_schedule(suite: Suite) -> dg.ScheduleDefinition:
    """The schedule that evaluates every case of a suite.

    A tick reads the cases, registers their partitions and requests a run over all of them. If there are more cases than
    `max_cases_per_run`, it requests several runs of one experiment, the last of which materializes the summary. If the
    cases cannot be read, the tick fails with the reason.
    """
    schedule, most = suite.spec.schedule, suite.spec.evaluation.max_cases_per_run

    @dg.schedule(
        name=f"{suite.name}_nightly",
        job_name=job_name(suite.name),
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED,
        description=f"Evaluate every case of {suite.name}.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        case_ids = [case.id for case in load_dataset(suite).cases]
        sync_partitions(context.instance, suite.name, case_ids)
        launched = digest("nightly", suite.name, context.scheduled_execution_time.isoformat())
        shares = shares_of(in_registry_order(context.instance, suite.name, case_ids), most)
        return [
            dg.RunRequest(
                run_key=f"{launched}-{number}",
                tags={
                    SUITE_TAG: suite.name,
                    **range_tags(context.instance, suite.name, share),
                    **({LAUNCH_TAG: launched, SHARE_TAG: f"{number}/{len(shares)}"} if len(shares) > 1 else {}),
                },
            )
            for number, share in enumerate(shares, start=1)
        ]

    return nightly
