"""One nightly schedule per suite, as `schedule:` in suite.yaml says.

Add a schedule here when something should happen at a time. Keep out what happens on an event (`sensors.py`).
See https://docs.dagster.io/guides/automate/schedules.
"""

import dagster as dg

from eval_pipeline.jobs import job_name
from eval_pipeline.partitions import SUITE_TAG, range_tags, sync_partitions
from eval_pipeline.suite.dataset import load_dataset
from eval_pipeline.suite.suite import Suite


def build_schedule(suite: Suite) -> dg.ScheduleDefinition:
    """The schedule that evaluates every case of a suite.

    A tick reads the cases as they are then, registers their partitions and asks for one run over all of them. If the
    cases cannot be read the tick fails and says why.
    """
    schedule = suite.spec.schedule

    @dg.schedule(
        name=f"{suite.name}_nightly",
        job_name=job_name(suite.name),
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED,
        description=f"Evaluate every case of {suite.name}.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        case_ids = [case.id for case in load_dataset(suite).cases]
        sync_partitions(context.instance, suite.name, case_ids)
        return dg.RunRequest(tags={SUITE_TAG: suite.name, **range_tags(context.instance, suite.name, case_ids)})

    return nightly
