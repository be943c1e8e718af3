"""A run of a suite failed: a webhook is told, with the reason in one line.

A webhook that fails costs a line in the tick's log, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from eval_pipeline.defs.partitions import concerns
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.defs.sensors.webhook import Notice, body_of, post
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.suite.suite import Suite

"""Where the Dagster UI is, for the link to the run; without it there is none."""
_LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """A step that failed, and what it said."""

    name: str
    message: str


def notice_of(
    suite: str, run: dg.DagsterRun, steps: Sequence[FailedStep], message: str, *, redactor: Redactor, ui_url: str | None
) -> Notice:
    """What is told of a failed run.

    Args:
        suite: whose run it is.
        run: the run.
        steps: those of its steps that failed, in order.
        message: what Dagster says of the whole; used when no step failed, as when a process was killed.
        redactor: takes secrets and personal data out of the reason.
        ui_url: of the Dagster UI.
    """
    first = steps[0] if steps else None
    return Notice(
        suite=suite,
        run_id=run.run_id,
        job=run.job_name,
        reason=one_line(redactor.text(message if first is None else first.message)),
        step=None if first is None else first.name,
        run_url=None if not ui_url else f"{ui_url.rstrip('/')}/runs/{run.run_id}",
    )


def one_line(text: str) -> str:
    """All of it in a line, cut to a length that a chat shows."""
    # The first line alone is often no more than a heading: "1 blocking asset check failed:".
    line = " ".join(text.split()) or "no reason was given"
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} …"


def build_run_failed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_run_failed`."""
    spec = suite.spec.sensors.run_failed

    @dg.run_failure_sensor(
        name=f"{suite.name}_run_failed",
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Tell the webhook in {spec.webhook_variable} of failed runs of {suite.name}.",
    )
    def run_failed(context: dg.RunFailureSensorContext, langsmith: LangSmithResource) -> dg.SkipReason | None:
        run = context.dagster_run
        if not concerns(run, suite.name):
            return dg.SkipReason(f"run {run.run_id} is not one of {suite.name}")
        notice = notice_of(
            suite.name,
            run,
            _failed_steps(context),
            context.failure_event.message or "",
            redactor=Redactor.of(langsmith.settings()),
            ui_url=PipelineSettings.from_environment().ui_url,
        )
        why = post(spec.webhook_variable, body_of(notice, spec.shape))
        if why is not None:
            context.log.warning("the webhook was not told that run %s failed: %s", run.run_id, why)
        return None

    return run_failed


def _failed_steps(context: dg.RunFailureSensorContext) -> list[FailedStep]:
    found = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = None if data.user_failure_data is None else data.user_failure_data.description
        if said is None and data.error is not None:
            said = (data.error.cause or data.error).message
        found.append(FailedStep(name=event.step_key or "", message=said or event.message or ""))
    return found
