"""Traces wait on disk: they are sent again, as `eval-pipeline traces flush` does.

On by default: without anything waiting a tick is a look into a folder, and without it what a server missed stays on
disk until somebody thinks of it.
"""

from collections.abc import Sequence

import dagster as dg

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.tracing.send.flush import FlushReport, flush_spool, spool_folder
from eval_pipeline.tracing.send.spool import SpoolStatus, status_of

TRACES_WAITING = "traces_waiting"
FLUSH_SECONDS = 40.0
"""Dagster ends a tick after 60; what is left is sent by the next one."""
_INTERVAL_SECONDS = 60


def idle_reason(waiting: dict[DestinationName, SpoolStatus]) -> str | None:
    """Why there is nothing to send; None if there is something."""
    if not waiting:
        return "tracing is off"
    return None if any(found.files for found in waiting.values()) else "nothing waits"


def flush_reason(reports: Sequence[FlushReport]) -> str:
    """What was done, in a line for the tick."""
    return "; ".join(_said(report) for report in reports)


def build_traces_waiting(interval_s: int = _INTERVAL_SECONDS) -> dg.SensorDefinition:
    """The sensor, one for all suites: the spool is the process's, not a suite's."""

    @dg.sensor(
        name=TRACES_WAITING,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Send traces that wait on disk because LangSmith, or the recorder, could not take them.",
    )
    def traces_waiting(context: dg.SensorEvaluationContext, langsmith: LangSmithResource) -> dg.SkipReason:
        settings = langsmith.settings()
        reason = idle_reason(_waiting(settings))
        if reason is None:
            reason = flush_reason(flush_spool(settings, timeout_s=FLUSH_SECONDS))
            context.log.info("%s", reason)
        return dg.SkipReason(reason)

    return traces_waiting


def _waiting(settings: LangSmithSettings) -> dict[DestinationName, SpoolStatus]:
    return {found.name: status_of(spool_folder(settings, found.name)) for found in settings.destinations}


def _said(report: FlushReport) -> str:
    if report.busy:
        return f"{report.destination}: another process is sending them right now"
    numbers = {
        "runs sent": report.runs_sent,
        "scores sent": report.feedback_sent,
        "kept": report.kept,
        "of them refused": report.refused,
        "put aside for good": report.put_aside,
    }
    return f"{report.destination}: " + ", ".join(f"{number} {name}" for name, number in numbers.items())
