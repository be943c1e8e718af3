"""Experiments as tables: examples with their runs, and root runs with the totals of their traces."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Literal

from eval_pipeline.recorder.store.database import Database, placeholders
from eval_pipeline.recorder.store.examples import shape_example
from eval_pipeline.recorder.store.runs import RunQuery, RunStore

CaseOrder = Literal["start", "name", "latency", "tokens", "cost", "status", "score"]

_ORDER_BY = {
    "start": "r.start_us",
    "name": "r.name",
    "latency": "r.end_us - r.start_us",
    "tokens": "t.total_tokens",
    "cost": "t.total_cost",
    "status": "r.error IS NOT NULL",
    "score": "f.score",
}
_WITH_RUNS = (
    "FROM examples e WHERE e.dataset_id = ? AND e.valid_from = (SELECT max(valid_from) FROM examples WHERE id = e.id) "
    "AND e.id IN (SELECT reference_example_id FROM runs WHERE parent_id IS NULL AND session_id IN ({sessions}))"
)


class ExperimentStore:
    """Queries over several tables."""

    def __init__(self, database: Database, runs: RunStore) -> None:
        self._database = database
        self._runs = runs

    def examples_with_runs(
        self,
        dataset_id: str,
        session_ids: Sequence[str],
        *,
        example_ids: Sequence[str] = (),
        limit: int,
        offset: int,
    ) -> list[dict[str, Any]]:
        """Examples that have a root run in one of these experiments, each with `runs` (v1 shape, subtree usage)."""
        where = _WITH_RUNS.format(sessions=placeholders(session_ids))
        arguments: list[Any] = [dataset_id, *session_ids]
        if example_ids:
            where += f" AND e.id IN ({placeholders(example_ids)})"
            arguments.extend(example_ids)
        rows = self._database.rows(
            f"SELECT e.* {where} ORDER BY e.position LIMIT ? OFFSET ?", (*arguments, limit, offset)
        )
        examples = {row["id"]: {**shape_example(row), "runs": []} for row in rows}
        if examples:
            query = RunQuery(
                session_ids=session_ids,
                reference_example_ids=tuple(examples),
                is_root=True,
                newest_first=False,
                limit=100_000,
            )
            for run in self._runs.query(query)[0]:
                examples[run["reference_example_id"]]["runs"].append(run)
        return list(examples.values())

    def count_examples(self, dataset_id: str, session_ids: Sequence[str]) -> int:
        """How many examples `examples_with_runs` has over all pages."""
        where = _WITH_RUNS.format(sessions=placeholders(session_ids))
        row = self._database.row(f"SELECT count(*) AS n {where}", (dataset_id, *session_ids))
        return int(row["n"]) if row else 0

    def cases(
        self,
        session_id: str,
        *,
        order: CaseOrder,
        feedback_key: str | None = None,
        descending: bool,
        limit: int,
        offset: int,
    ) -> list[dict[str, Any]]:
        """Root runs of a session, with `latency_s` and the totals of their traces, without their payload.

        `order="score"` sorts by the mean score of `feedback_key`. Rows without a value come last.
        """
        direction = "DESC" if descending else "ASC"
        rows = self._database.rows(
            "SELECT r.id, r.name, r.error, r.start_us, r.end_us, r.reference_example_id, r.inputs_preview, "  # noqa: S608 - constants
            "r.outputs_preview, t.run_count, t.total_tokens, t.total_cost, f.score FROM runs r "
            "JOIN traces t ON t.trace_id = r.trace_id "
            "LEFT JOIN (SELECT run_id, avg(score) AS score FROM feedback WHERE session_id = :session AND key = :key "
            "GROUP BY run_id) f ON f.run_id = r.id "
            "WHERE r.session_id = :session AND r.parent_id IS NULL "
            f"ORDER BY {_ORDER_BY[order]} {direction} NULLS LAST, r.start_us, r.id LIMIT :limit OFFSET :offset",
            {"session": session_id, "key": feedback_key, "limit": limit, "offset": offset},
        )
        return [{**dict(row), "latency_s": _seconds(row)} for row in rows]

    def feedback_keys(self, session_id: str) -> list[str]:
        """Keys of the feedback on runs of a session, by name."""
        rows = self._database.rows(
            "SELECT DISTINCT key FROM feedback WHERE session_id = ? AND run_id IS NOT NULL ORDER BY key", (session_id,)
        )
        return [row["key"] for row in rows]


def _seconds(row: sqlite3.Row) -> float | None:
    if row["start_us"] is None or row["end_us"] is None:
        return None
    return float(row["end_us"] - row["start_us"]) / 1_000_000
