"""What every export of an experiment is made of: its record, its verdict and its attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.analysis.case_values import why_not_passed
from eval_pipeline.analysis.verdict import ExperimentVerdict, read_verdict
from eval_pipeline.results.case_result import STATUSES
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store

_COLUMNS = ["status", "score", "split", "assertions", "error", "limit", "latency_s", "cost_usd", "trace_url"]
_WORST_FIRST = ("error", "failed", "limit", "unscored", "skipped", "passed")


@dataclass(frozen=True, kw_only=True)
class ExportedExperiment:
    """An experiment that has been summarized."""

    record: ExperimentRecord
    verdict: ExperimentVerdict
    attempts: Sequence[dict[str, Any]]
    """Rows of the result log without transcripts, by case and attempt; each with `why` it did not pass."""

    @classmethod
    def read(cls, store: Store, record: ExperimentRecord) -> "ExportedExperiment":
        """Read an experiment.

        Raises:
            MissingUpstreamError: it has not been summarized.
            CorruptDataError: its results cannot be read.
        """
        rows = read_results(store, record.suite, record.experiment, columns=_COLUMNS).to_pylist()
        attempts = [{**row, "why": why_not_passed(row)} for row in rows]
        return cls(record=record, verdict=read_verdict(store, record.suite, record.experiment), attempts=attempts)

    @property
    def repeated(self) -> bool:
        """Whether there are several attempts at a case."""
        return any(row["attempt"] > 1 for row in self.attempts)

    @property
    def worst_first(self) -> list[dict[str, Any]]:
        """The attempts, those that did not pass first, the lowest scores first among them."""
        assert set(_WORST_FIRST) == set(STATUSES)

        def badness(row: dict[str, Any]) -> tuple[int, float, str, int]:
            score = 0.0 if row["score"] is None else row["score"]
            return _WORST_FIRST.index(row["status"]), score, row["case_id"], row["attempt"]

        return sorted(self.attempts, key=badness)

    def title(self, row: dict[str, Any]) -> str:
        """The name of an attempt: its case, and its number where there are several."""
        return f"{row['case_id']} (attempt {row['attempt']})" if self.repeated else str(row["case_id"])
