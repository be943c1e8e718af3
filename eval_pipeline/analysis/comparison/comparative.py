"""Write a comparative experiment to LangSmith: two experiments side by side, with a preference for each case."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.results.result_log import read_results
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store

KEY = "preferred"
_TIE = 0.5

Scores = Callable[[str, int], float | None]
"""From case and attempt: 1 if the new experiment is preferred, 0 if the other is, 0.5 for a tie."""


@dataclass(frozen=True, kw_only=True)
class ComparativeExperiment:
    """A comparative experiment at one destination."""

    destination: str
    url: str
    preferences: int
    """Pairs of runs with a preference."""


def write_comparative(
    store: Store,
    suite: str,
    *,
    experiment: ExperimentSession,
    baseline: ExperimentSession,
    settings: LangSmithSettings,
    scores: Scores | None = None,
) -> list[ComparativeExperiment]:
    """Write a comparative experiment of two, with a preference for each pair of runs.

    Args:
        store: where both are stored.
        suite: the suite of both.
        experiment: the project of the new experiment.
        baseline: the project of the other experiment.
        settings: the destinations of traces.
        scores: the preferences; by default for the attempt that passed, or else the one with the higher score.
    """
    rows, old_rows = (_runs(store, suite, session.name) for session in (experiment, baseline))
    pairs = sorted(rows.keys() & old_rows.keys())
    written: list[ComparativeExperiment] = []
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            comparative = connection.client.create_comparative_experiment(
                f"{experiment.name} vs. {baseline.name}",
                [experiment.id, baseline.id],
                reference_dataset=experiment.dataset_id,
                metadata={"suite": suite, "baseline": baseline.name},
                id=uuid.uuid4(),
            )
            preferences = 0
            for pair in pairs:
                one, other = rows[pair], old_rows[pair]
                score = (scores or (lambda *_, a=one, b=other: _better(a, b)))(*pair)
                if score is None:
                    continue
                group = uuid.uuid4()
                for row, session, value in ((one, experiment.id, score), (other, baseline.id, 1 - score)):
                    connection.client.create_feedback(
                        run_id=row["run_id"],
                        trace_id=row["trace_id"] or row["run_id"],
                        key=KEY,
                        score=value,
                        comparative_experiment_id=comparative.id,
                        feedback_group_id=group,
                        session_id=session,
                        start_time=row["started_at"],
                    )
                preferences += 1
            connection.client.flush()
            url = experiment.comparison_url(baseline.id)
            written.append(ComparativeExperiment(destination=destination.name, url=url, preferences=preferences))
        finally:
            connection.close()
    return written


def _runs(store: Store, suite: str, experiment: str) -> dict[tuple[str, int], Mapping[str, Any]]:
    columns = ["status", "score", "run_id", "trace_id"]
    rows = read_results(store, suite, experiment, columns=columns).to_pylist()
    return {(row["case_id"], row["attempt"]): row for row in rows if row["run_id"] and row["status"] != "skipped"}


def _better(now: Mapping[str, Any], then: Mapping[str, Any]) -> float:
    """By status, and between equal statuses by score."""
    rank, other = ((row["status"] == "passed", row["score"] or 0.0) for row in (now, then))
    return _TIE if rank == other else float(rank > other)
