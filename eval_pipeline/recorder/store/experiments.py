"""Examples with their runs in experiments."""

from collections.abc import Sequence
from typing import Any

from eval_pipeline.recorder.store.database import Database, placeholders
from eval_pipeline.recorder.store.examples import shape_example
from eval_pipeline.recorder.store.runs import RunQuery, RunStore

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
