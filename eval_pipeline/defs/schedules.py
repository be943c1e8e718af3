"""The nightly schedule of a suite, configured by `schedule:` in suite.yaml.

To add a schedule, write a `build_…` function and call it in `build.py`. What reacts to an event is a sensor. See
https://docs.dagster.io/guides/automate/schedules.
"""

import dagster as dg

from eval_pipeline.defs.jobs import job_name
from eval_pipeline.defs.launch_all import register_all_cases, tags_of_runs
from eval_pipeline.defs.upstream_reader import reader_of
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.suite import Suite


def build_schedule(suite: Suite) -> dg.ScheduleDefinition:
    """The schedule that evaluates every case of a suite.

    A tick reads the cases, registers their partitions and requests a run over all of them. If there are more cases than
    `max_cases_per_run`, it requests several runs of one experiment, the last of which materializes the summary. If the
    cases cannot be read, the tick fails with the reason.
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
    def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        case_ids = register_all_cases(context.instance, suite, reader_of(context))
        launched = digest("nightly", suite.name, context.scheduled_execution_time.isoformat())
        runs = tags_of_runs(context.instance, suite, case_ids, launched)
        return [dg.RunRequest(run_key=f"{launched}-{number}", tags=tags) for number, tags in enumerate(runs, start=1)]

    return nightly
