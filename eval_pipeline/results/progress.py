"""How far an experiment has come: which attempts are finished, and which are left to make.

Read from the result log alone, whoever wrote it: a run that was killed, its retry, another run of the backfill.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.result_log import AttemptKey, read_results
from eval_pipeline.store.store import Store


@dataclass(frozen=True, kw_only=True)
class FinishedAttempt:
    """What is known of a finished attempt without reading what was said in it."""

    case_id: str
    attempt: int
    status: str
    run_id: str | None
    """Of its row in LangSmith."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The finished attempts of an experiment."""

    finished: Mapping[AttemptKey, FinishedAttempt]

    def complete(self, planned: Mapping[str, Iterable[int]]) -> set[str]:
        """The cases all of whose planned attempts are finished."""
        return {
            case_id
            for case_id, numbers in planned.items()
            if all((case_id, number) in self.finished for number in numbers)
        }


def standing_of(store: Store, record: ExperimentRecord, *, retry_errors: bool = False, part: str = "") -> Standing:
    """What is finished of an experiment. A skipped attempt is not; one that erred is, unless errors are to be retried.

    With `part`, only what is in that folder of the log.

    Raises:
        CorruptDataError: a segment of the result log is not readable.
    """
    unfinished = {"skipped", "error"} if retry_errors else {"skipped"}
    columns = ["status", "run_id"]
    rows = read_results(store, record.suite, record.experiment, columns=columns, part=part)
    found = [FinishedAttempt(**row) for row in rows.drop_columns(["started_at"]).to_pylist()]
    return Standing(finished={(each.case_id, each.attempt): each for each in found if each.status not in unfinished})
