"""Rows that a killed run owes: attempts whose results are durable and whose rows the server does not have."""

from collections.abc import Sequence

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.pipeline.trace_run import ExperimentTracing
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.progress import Standing
from eval_pipeline.results.result_log import read_all_rows, read_results, results_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.experiment.rows import row_ids
from eval_pipeline.tracing.shape.restored_trace import send_restored

_log = logger_of(__name__)


def restore_rows(
    settings: LangSmithSettings,
    tracing: ExperimentTracing,
    *,
    record: ExperimentRecord,
    store: Store,
    standing: Standing,
    dataset: Sequence[Case],
) -> int:
    """Send the rows that are missing at the first destination; a server that is away is owed them still.

    Returns:
        How many were sent.
    """
    owed = {found.run_id: key for key, found in standing.finished.items() if found.run_id is not None}
    # Cases of a unified trace are no rows.
    if not owed or record.trace_headers is not None:
        return 0
    connection = Connection(settings.destinations[0], settings)
    try:
        present = row_ids(connection, tracing.session)
    finally:
        connection.close()
    if present is None:
        _log.warning("which rows of %s are there cannot be asked now; resume it again when the server is back", record)
        return 0
    missing = {key for run_id, key in owed.items() if run_id not in present}
    said = {case.id: [turn.user for turn in case.turns] for case in dataset}
    return sum(
        send_restored(tracing.tracer, result, said.get(result.case_id, []))
        for result in results_of(store, record.suite, record.experiment, missing)
        if result.run_id in owed and result.run_id not in present
    )


def rows_expected(store: Store, suite: str, experiment: str) -> int:
    """The rows an experiment should have: one for each time an attempt was made, of which retried errors have several.

    Raises:
        CorruptDataError: a segment of the result log is not readable.
    """
    every = read_all_rows(store, suite, experiment, columns=["run_id"]).column("run_id").to_pylist()
    latest = read_results(store, suite, experiment, columns=["run_id", "status"]).to_pylist()
    untraced = [row for row in latest if row["run_id"] is None and row["status"] != "skipped"]
    return len({run_id for run_id in every if run_id is not None}) + len(untraced)
