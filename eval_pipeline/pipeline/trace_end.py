"""The end of an experiment's traces: its end time, the scores of the whole, and whether every row is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_pipeline.analysis.summary import Summary
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.experiments import close_experiment, end_request
from eval_pipeline.langsmith.feedback import summary_feedback
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.traced_run import TracedRun
from eval_pipeline.tracing.send.flushing import spool_folder
from eval_pipeline.tracing.send.reconciling import rows_present
from eval_pipeline.tracing.send.sending import SpoolingSender
from eval_pipeline.tracing.send.spool import keep_requests
from eval_pipeline.tracing.settings import LangSmithSettings

_log = logger_of(__name__)

_FLUSH_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Whether every row of an experiment is where it should be."""

    expected: int
    present: int | None
    """None: the server could not say."""
    sent: int
    """Runs, not rows, like the next two."""
    spooled: int
    dropped: int
    untraced: int

    @property
    def complete(self) -> bool:
        """Whether every row is there, and none twice."""
        return self.present == self.expected and not self.dropped


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


def count_rows(settings: LangSmithSettings, traced: Sequence[TracedRun], *, attempts: int) -> Rows:
    """Hold the rows at the first destination against the attempts that were made."""
    present = None
    if settings.destinations:
        connection = Connection(settings.destinations[0], settings)
        try:
            present = rows_present(connection, traced[0].session)
        finally:
            connection.close()
    return Rows(
        # Cases of a unified trace are no roots, and so no rows: its one root is.
        expected=1 if traced[0].trace_mode == "unified" else attempts,
        present=present,
        sent=sum(found.runs_sent for found in traced),
        spooled=sum(found.runs_spooled for found in traced),
        dropped=sum(found.runs_dropped for found in traced),
        untraced=sum(found.untraced for found in traced),
    )
