"""Pull a suite's corrections from LangSmith into one Parquet file: human verdicts and the turns they are about.

A later pull reads its experiments anew, and keeps the rows of all others; equal content is the same file. LangSmith has
no query for corrections since some time, so experiments are read completely.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from eval_pipeline.assertions.judges.pulled_corrections import latest_corrections
from eval_pipeline.feedback.verdicts import HumanVerdict, latest_of_each, verdicts
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.identifiers import with_identifiers
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline.results.result_row import result_of_row
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.layout import corrections_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import sortable, timestamp
from eval_pipeline.tracing.experiment.trace_status import read_traced

CORRECTIONS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("input", "output", "verdict", "comment", "assertion")),
        *((name, pa.string()) for name in ("experiment", "case_id")),
        ("attempt", pa.int32()),
        ("turn", pa.int32()),
        *((name, pa.string()) for name in ("run_id", "feedback_id", "modified_at")),
    ]
)
EXPERIMENTS = 10
"""The number of experiments, the newest, that are read for corrections."""
_REDACTOR = Redactor()


@dataclass(frozen=True, kw_only=True)
class PulledCorrections:
    """The result of a pull."""

    key: str | None
    """In the store; None if there are no corrections yet."""
    version: str
    rows: int
    added: int
    experiments: int
    """The number of experiments that were read."""


def pull_corrections(
    store: Store, suite: str, server: FeedbackServer, *, experiments: int = EXPERIMENTS, redactor: Redactor = _REDACTOR
) -> PulledCorrections:
    """Read the corrections of the suite's newest experiments, and store them with those of older ones.

    Raises:
        CredentialsError: the server refuses the key.
        TransientError: the server or the store is unreachable.
    """
    stored = stored_corrections(store, suite)
    newest = [record.experiment for record in experiments_newest_first(store, suite)][:experiments]
    unsorted = [row for row in stored if row["experiment"] not in newest]
    for experiment in newest:
        latest = latest_of_each(verdicts_on(store, suite, experiment, server))
        unsorted += [with_identifiers(row, redactor.value(row)) for row in map(_row, latest)]
    rows = sorted(unsorted, key=lambda row: (row["modified_at"], row["feedback_id"]))
    version = digest(rows)
    key = latest_corrections(store, suite)
    if rows != stored:
        # Named by the time of the pull: a verdict that was withdrawn leaves nothing newer behind. The key sorts after
        # that of the pull before it, whatever the clocks say.
        pulled_at = sortable(timestamp("microseconds").partition("+")[0])
        before = "0" if key is None else key.rpartition("/")[2].partition("_")[0]
        key = corrections_key(suite, max(pulled_at, str(int(before) + 1)), version)
        store.put_table(key, pa.Table.from_pylist(rows, schema=CORRECTIONS_SCHEMA))
    ids = {row["feedback_id"] for row in stored}
    added = sum(row["feedback_id"] not in ids for row in rows)
    return PulledCorrections(key=key, version=version, rows=len(rows), added=added, experiments=len(newest))


def stored_corrections(store: Store, suite: str) -> list[dict[str, Any]]:
    """The rows that were pulled before."""
    key = latest_corrections(store, suite)
    table = None if key is None else store.get_table(key)
    rows: list[dict[str, Any]] = [] if table is None else table.to_pylist()
    return rows


def verdicts_on(store: Store, suite: str, experiment: str, server: FeedbackServer) -> list[HumanVerdict]:
    """The human verdicts on one experiment's results.

    Raises:
        CredentialsError: the server refuses the key.
        TransientError: the server or the store is unreachable.
    """
    sessions = dict.fromkeys(traced.session_id for traced in read_traced(store, suite, experiment))
    feedback = [each for session in sessions for each in server.feedback(session)]
    return verdicts(stored_results(store, suite, experiment), feedback) if feedback else []


def stored_results(store: Store, suite: str, experiment: str) -> Iterator[CaseResult]:
    """The results of an experiment."""
    for batch in read_results(store, suite, experiment).to_batches(max_chunksize=500):
        yield from map(result_of_row, batch.to_pylist())


def _row(human: HumanVerdict) -> dict[str, Any]:
    turn = human.assertion.turn
    shown = [each for each in human.result.turns if turn is None or each.index == turn]
    several = len(shown) > 1
    earlier = [f"User: {each.text}\nAssistant: {each.response}" for each in shown[:-1]]
    last = shown[-1] if shown else None
    verdict = human.verdict
    return {
        "input": "" if last is None else "\n".join([*earlier, f"User: {last.text}"]) if several else last.text,
        "output": "" if last is None else last.response,
        "verdict": ("yes" if verdict else "no") if isinstance(verdict, bool) else _text(verdict),
        "comment": human.comment,
        "assertion": human.assertion.name,
        "experiment": human.result.experiment,
        "case_id": human.result.case_id,
        "attempt": human.result.attempt,
        "turn": turn,
        "run_id": human.result.run_id,
        "feedback_id": human.feedback_id,
        "modified_at": human.modified_at,
    }


def _text(verdict: float | str) -> str:
    return verdict if isinstance(verdict, str) else f"{verdict:g}"
