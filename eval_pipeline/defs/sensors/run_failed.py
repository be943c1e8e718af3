"""The sensor that posts to a webhook when a run of a suite fails, with the reason in one line.

If posting fails, the tick logs a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from eval_pipeline.dagster_ext.terminal_runs import TERMINAL_TAG
from eval_pipeline.defs.partitions import concerns
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.defs.sensors.webhook import RunFailedNotice, post, run_failed_body
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import PipelineSettings, environment_variable
from eval_pipeline.suite.suite import Suite

"""Where the Dagster UI is, for the link to the run; without it there is none."""
_LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """A failed step and its error."""

    name: str
    message: str


def notice_of(
    suite: str, run: dg.DagsterRun, steps: Sequence[FailedStep], message: str, *, redactor: Redactor, ui_url: str | None
) -> RunFailedNotice:
    """The notice of a failed run.

    Args:
        suite: the name of the suite.
        run: the run.
        steps: the failed steps, in order.
        message: Dagster's message for the whole run, used if no step failed, for example if the process was killed.
        redactor: redacts the reason.
        ui_url: the URL of the Dagster UI.
    """
    first = steps[0] if steps else None
    return RunFailedNotice(
        suite=suite,
        run_id=run.run_id,
        job=run.job_name,
        reason=one_line(redactor.text(message if first is None else first.message)),
        step=None if first is None else first.name,
        run_url=None if not ui_url else f"{ui_url.rstrip('/')}/runs/{run.run_id}",
    )


def one_line(text: str) -> str:
    """The text in one line, truncated for a chat message."""
    # The first line alone is often only a heading, such as "1 blocking asset check failed:".
    line = " ".join(text.split()) or "no reason given"
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} …"


def build_run_failed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_run_failed`."""
    spec = suite.spec.sensors.run_failed

    @dg.run_failure_sensor(
        name=f"{suite.name}_run_failed",
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Post to the webhook in {spec.webhook_variable} when a run of {suite.name} fails.",
    )
    def run_failed(context: dg.RunFailureSensorContext, eval_langsmith: LangSmithResource) -> dg.SkipReason | None:
        run = context.dagster_run
        if not concerns(run, suite.name):
            return dg.SkipReason(f"run {run.run_id} is not one of {suite.name}")
        if TERMINAL_TAG in run.tags:
            return dg.SkipReason(f"run {run.run_id} was started in a terminal, which shows that it failed")
        if not environment_variable(spec.webhook_variable):
            return dg.SkipReason(f"nothing is posted: the environment variable {spec.webhook_variable} is not set")
        notice = notice_of(
            suite.name,
            run,
            _failed_steps(context),
            context.failure_event.message or "",
            redactor=Redactor.of(eval_langsmith.settings()),
            ui_url=PipelineSettings.from_environment().ui_url,
        )
        error = post(spec.webhook_variable, run_failed_body(notice, spec.shape))
        if error is not None:
            context.log.warning("could not post to the webhook that run %s failed: %s", run.run_id, error)
        return None

    return run_failed


def _failed_steps(context: dg.RunFailureSensorContext) -> list[FailedStep]:
    steps = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        message = None if data.user_failure_data is None else data.user_failure_data.description
        if message is None and data.error is not None:
            message = (data.error.cause or data.error).message
        steps.append(FailedStep(name=event.step_key or "", message=message or event.message or ""))
    return steps
