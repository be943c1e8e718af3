"""A suite's corrections: people's verdicts with what they are about, pulled from LangSmith into one Parquet file.

Pulled again, the experiments that are asked about are read anew, what was known of others is kept, and equal content
is the same file. LangSmith cannot be asked what was corrected since some time, so an experiment is read whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from eval_pipeline.assertions.judges.pulled_corrections import latest_corrections
from eval_pipeline.feedback.verdicts import HumanVerdict, latest_of_each, verdicts
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline.results.stored_result import result_of_row
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.layout import corrections_key
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
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
"""Of how many experiments, the newest, corrections are looked for."""
_REDACTOR = Redactor()


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a pull came to."""

    key: str | None
    """In the store; None where nobody has corrected anything yet."""
    version: str
    rows: int
    added: int
    experiments: int
    """How many were asked about."""


def pull_corrections(
    store: Store, suite: str, server: FeedbackServer, *, experiments: int = EXPERIMENTS, redactor: Redactor = _REDACTOR
) -> Pulled:
    """Read what people corrected in the suite's newest experiments, and keep it with what was known.

    Raises:
        CredentialsError: the server refuses the key.
        TransientError: the server, or the store, is away.
    """
    known = known_corrections(store, suite)
    asked = [record.experiment for record in experiments_newest_first(store, suite)][:experiments]
    found = [row for row in known if row["experiment"] not in asked]
    for experiment in asked:
        said = latest_of_each(verdicts_on(store, suite, experiment, server))
        found += [redactor.value(_row(one)) for one in said]
    rows = sorted(found, key=lambda row: (row["modified_at"], row["feedback_id"]))
    version = digest(rows)
    key = latest_corrections(store, suite)
    if rows != known:
        # By the time of the pull: one that was taken back leaves nothing newer than there was.
        pulled_at = timestamp("microseconds")
        key = corrections_key(suite, pulled_at.partition("+")[0], version)
        store.put_table(key, pa.Table.from_pylist(rows, schema=CORRECTIONS_SCHEMA))
    ids = {row["feedback_id"] for row in known}
    added = sum(row["feedback_id"] not in ids for row in rows)
    return Pulled(key=key, version=version, rows=len(rows), added=added, experiments=len(asked))


def known_corrections(store: Store, suite: str) -> list[dict[str, Any]]:
    """The rows that were pulled before."""
    key = latest_corrections(store, suite)
    table = None if key is None else store.get_table(key)
    rows: list[dict[str, Any]] = [] if table is None else table.to_pylist()
    return rows


def verdicts_on(store: Store, suite: str, experiment: str, server: FeedbackServer) -> list[HumanVerdict]:
    """What people said of one experiment's results.

    Raises:
        CredentialsError: the server refuses the key.
        TransientError: the server, or the store, is away.
    """
    sessions = dict.fromkeys(traced.session_id for traced in read_traced(store, suite, experiment))
    feedback = [one for session in sessions for one in server.feedback(session)]
    return verdicts(stored_results(store, suite, experiment), feedback) if feedback else []


def stored_results(store: Store, suite: str, experiment: str) -> Iterator[CaseResult]:
    """The results of an experiment."""
    for batch in read_results(store, suite, experiment).to_batches(max_chunksize=500):
        yield from map(result_of_row, batch.to_pylist())


def _row(one: HumanVerdict) -> dict[str, Any]:
    turn = one.assertion.turn
    shown = [found for found in one.result.turns if turn is None or found.index == turn]
    several = len(shown) > 1
    said = [f"User: {found.input}\nAssistant: {found.response}" for found in shown[:-1]]
    last = shown[-1] if shown else None
    verdict = one.verdict
    return {
        "input": "" if last is None else "\n".join([*said, f"User: {last.input}"]) if several else last.input,
        "output": "" if last is None else last.response,
        "verdict": ("yes" if verdict else "no") if isinstance(verdict, bool) else _text(verdict),
        "comment": one.comment,
        "assertion": one.assertion.name,
        "experiment": one.result.experiment,
        "case_id": one.result.case_id,
        "attempt": one.result.attempt,
        "turn": turn,
        "run_id": one.result.run_id,
        "feedback_id": one.feedback_id,
        "modified_at": one.modified_at,
    }


def _text(verdict: float | str) -> str:
    return verdict if isinstance(verdict, str) else f"{verdict:g}"
