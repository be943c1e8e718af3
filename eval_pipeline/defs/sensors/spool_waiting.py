"""The sensor that sends traces that wait in the spool, as `eval-pipeline traces flush` does.

It is on by default: otherwise traces that a server missed would stay on disk until a user sends them, and a tick with
an empty spool only lists a folder.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg

from eval_pipeline.defs.resources import LangSmithResource, StoreResource, store_resource
from eval_pipeline.langsmith.local_recorder import local_recorder
from eval_pipeline.pipeline.restore_experiments import restore_experiments
from eval_pipeline.settings import DestinationName, LangSmithSettings, store_root
from eval_pipeline.tracing.send.flush import FlushReport, flush_spool, spool_folder
from eval_pipeline.tracing.send.spool import SpoolStatus, status_of

TRACES_WAITING = "traces_waiting"
FLUSH_SECONDS = 40.0
"""Dagster stops a tick after 60 seconds; the next tick continues."""
_INTERVAL_SECONDS = 60


def idle_reason(waiting: dict[DestinationName, SpoolStatus]) -> str | None:
    """Why there is nothing to send; None if there is something to send."""
    if not waiting:
        return "tracing is off"
    return None if any(status.files for status in waiting.values()) else "the spool is empty"


def flush_reason(reports: Sequence[FlushReport]) -> str:
    """What was sent and kept, in one line for the tick."""
    return "; ".join(map(_sent, reports))


def build_traces_waiting(
    interval_s: int = _INTERVAL_SECONDS, *, name: str = TRACES_WAITING, store: StoreResource | None = None
) -> dg.SensorDefinition:
    """The sensor that sends the spool of `store`; one for all suites that share it."""

    @dg.sensor(
        name=name,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Send traces that wait on disk because LangSmith or the recorder could not be reached.",
    )
    def traces_waiting(context: dg.SensorEvaluationContext, eval_langsmith: LangSmithResource) -> dg.SkipReason:
        opened = store_resource(store_root()) if store is None else store
        settings = eval_langsmith.settings(opened)
        waiting = _waiting(settings)
        reason = idle_reason(waiting)
        if reason is None:
            with _recorder(settings, waiting, context) as reachable:
                restore_experiments(reachable, opened.open())
                reason = flush_reason(flush_spool(reachable, timeout_s=FLUSH_SECONDS))
            context.log.info("%s", reason)
        return dg.SkipReason(reason)

    return traces_waiting


@contextlib.contextmanager
def _recorder(
    settings: LangSmithSettings, waiting: Mapping[DestinationName, SpoolStatus], context: dg.SensorEvaluationContext
) -> Iterator[LangSmithSettings]:
    """The settings with the address of the home's recorder, which runs meanwhile if something waits for it."""
    with contextlib.ExitStack() as stack:
        status = waiting.get("recorder")
        needed = status is not None and status.files and "recorder_url" not in settings.model_fields_set
        if needed and not context.instance.is_ephemeral:
            recorder = stack.enter_context(local_recorder(settings, Path(context.instance.root_directory)))
            if recorder is not None:
                settings = settings.model_copy(update={"recorder_url": recorder.url})
        yield settings


def _waiting(settings: LangSmithSettings) -> dict[DestinationName, SpoolStatus]:
    return {each.name: status_of(spool_folder(settings, each.name)) for each in settings.destinations}


def _sent(report: FlushReport) -> str:
    if report.busy:
        return f"{report.destination}: another process is sending the spool"
    numbers = {
        "runs sent": report.runs_sent,
        "scores sent": report.feedback_sent,
        "kept": report.kept,
        "of them rejected": report.refused,
        "rejected and set aside": report.put_aside,
    }
    return f"{report.destination}: " + ", ".join(f"{number} {name}" for name, number in numbers.items())
