"""The end of an experiment's traces: its end time, the scores of the whole, and whether every row is there."""

from collections.abc import Sequence

from eval_pipeline.analysis.summary import Summary
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import close_experiment
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.experiment.feedback import summary_feedback
from eval_pipeline.tracing.experiment.rows import row_ids
from eval_pipeline.tracing.experiment.setup import end_request
from eval_pipeline.tracing.experiment.trace_status import TracedRun, TraceStatus
from eval_pipeline.tracing.send.flush import spool_folder
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.send.spool import keep_requests

_log = logger_of(__name__)

_FLUSH_SECONDS = 10.0


def end_tracing(settings: LangSmithSettings, traced: Sequence[TracedRun], summary: Summary) -> None:
    """Close the experiment and score it as a whole. A server that is away is told its end and scores by the spool."""
    if not traced:
        return
    session = traced[0].session
    scores = {name: found.mean for name, found in summary.metrics.items()}
    if summary.pass_rate is not None:
        scores["pass_rate"] = summary.pass_rate.mean
    sender = SpoolingSender(settings)
    sender.send_feedback(summary_feedback(session.id, scores))
    sender.close(_FLUSH_SECONDS)
    metadata = {"attempts": summary.attempts, **{f"{name}_attempts": n for name, n in summary.status_counts.items()}}
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            close_experiment(connection, session, metadata=metadata, redactor=Redactor.of(settings))
        except TransientError:
            if not keep_requests(spool_folder(settings, destination.name), [end_request(session)]):
                _log.error("%s is not told that %s has ended", destination.api_url, session.name)
        finally:
            connection.close()


def trace_status(settings: LangSmithSettings, traced: Sequence[TracedRun], *, attempts: int) -> TraceStatus:
    """Compare the rows at the first destination with the attempts that were made."""
    present = None
    if settings.destinations:
        with Connection(settings.destinations[0], settings) as connection:
            present = row_ids(connection, traced[0].session)
    return TraceStatus.of(traced, attempts=attempts, rows_present=None if present is None else len(present))
