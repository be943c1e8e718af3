"""The rows of an experiment in LangSmith, one for each attempt: counted, and sent again where they are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_pipeline.langsmith.client import Connection
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.results.traced_run import TracedRun
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.send.reconciling import row_ids, rows_present
from eval_pipeline.tracing.shape.restored_trace import send_restored

_log = logger_of(__name__)


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """Whether every row of an experiment is where it should be."""

    expected: int
    present: int | None
    """None: the server could not be asked."""
    sent: int
    """Runs, not rows, like the next two."""
    spooled: int
    dropped: int
    untraced: int

    @property
    def complete(self) -> bool:
        """Whether every row is there, and none twice."""
        return self.present == self.expected and not self.dropped


def count_rows(settings: LangSmithSettings, traced: Sequence[TracedRun], *, attempts: int) -> RowCounts:
    """Compare the rows at the first destination with the attempts that were made."""
    present = None
    if settings.destinations:
        connection = Connection(settings.destinations[0], settings)
        try:
            present = rows_present(connection, traced[0].session)
        finally:
            connection.close()
    return RowCounts(
        # Cases of a unified trace are no roots, and so no rows: its one root is.
        expected=1 if traced[0].trace_mode == "unified" else attempts,
        present=present,
        sent=sum(run.runs_sent for run in traced),
        spooled=sum(run.runs_spooled for run in traced),
        dropped=sum(run.runs_dropped for run in traced),
        untraced=sum(run.untraced for run in traced),
    )


def restore_rows(
    settings: LangSmithSettings,
    tracing: ExperimentTracing,
    *,
    record: ExperimentRecord,
    log: ResultLogView,
    dataset: Sequence[Case],
) -> int:
    """Send the rows of finished attempts that the first destination lacks, as after a kill.

    A server that cannot be reached still lacks them afterwards.

    Returns:
        How many were sent.
    """
    by_run_id = {run_id: attempt for attempt, run_id in log.finished.items() if run_id is not None}
    # Cases of a unified trace are no rows.
    if not by_run_id or record.trace_headers is not None:
        return 0
    connection = Connection(settings.destinations[0], settings)
    try:
        present = row_ids(connection, tracing.session)
    finally:
        connection.close()
    if present is None:
        message = "which rows of %s are there cannot be asked now; resume it again when the server is back"
        _log.warning(message, record.experiment)
        return 0
    missing = {attempt for run_id, attempt in by_run_id.items() if run_id not in present}
    user_turns = {case.id: [turn.user for turn in case.turns] for case in dataset}
    return sum(
        send_restored(tracing.tracer, result, user_turns.get(result.case_id, []))
        for result in log.results(missing)
        if result.run_id in by_run_id and result.run_id not in present
    )
