"""The rows of an experiment in LangSmith, one for each attempt: counted, and sent again where they are missing."""

from collections.abc import Sequence

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.experiment.rows import row_ids
from eval_pipeline.tracing.experiment.trace_status import TracedRun, TraceStatus
from eval_pipeline.tracing.shape.restored_trace import send_restored

_log = logger_of(__name__)


def trace_status(settings: LangSmithSettings, traced: Sequence[TracedRun], *, attempts: int) -> TraceStatus:
    """Compare the rows at the first destination with the attempts that were made."""
    present = None
    if settings.destinations:
        with Connection(settings.destinations[0], settings) as connection:
            present = row_ids(connection, traced[0].session)
    return TraceStatus.of(traced, attempts=attempts, rows_present=None if present is None else len(present))


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
    with Connection(settings.destinations[0], settings) as connection:
        present = row_ids(connection, tracing.session)
    if present is None:
        message = "cannot list the rows of %s: the server is unreachable. Resume the experiment later."
        _log.warning(message, record.experiment)
        return 0
    missing = {attempt for run_id, attempt in by_run_id.items() if run_id not in present}
    by_id = {case.id: case for case in dataset}
    return sum(
        send_restored(tracing.tracer, result, by_id.get(result.case_id))
        for result in log.results(missing)
        if result.run_id in by_run_id and result.run_id not in present
    )
