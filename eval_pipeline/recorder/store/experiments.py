"""Examples with their runs in experiments."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump
from eval_pipeline.recorder.store.database import Database, placeholders
from eval_pipeline.recorder.store.examples import shape_example
from eval_pipeline.recorder.store.runs import RunQuery, RunStore
from eval_pipeline.recorder.store.statistics import money, percentile

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

    def feedback_deltas(
        self,
        dataset_id: str,
        baseline: str,
        compared: Sequence[str],
        *,
        feedback_key: str,
        limit: int,
        offset: int,
        lower_is_better: bool,
    ) -> dict[str, dict[str, list[str]]]:
        """By compared experiment the ids of the examples that improved and regressed, of one page of examples."""
        sessions = [baseline, *compared]
        rows = self._database.rows(
            "SELECT e.id, r.session_id, avg(f.score) AS score FROM examples e "  # noqa: S608 - constants
            "JOIN runs r ON r.reference_example_id = e.id AND r.parent_id IS NULL "
            "JOIN feedback f ON f.run_id = r.id AND f.key = ? "
            f"WHERE e.dataset_id = ? AND r.session_id IN ({placeholders(sessions)}) "
            "AND e.valid_from = (SELECT max(valid_from) FROM examples WHERE id = e.id) "
            "GROUP BY e.id, r.session_id ORDER BY min(e.position)",
            (feedback_key, dataset_id, *sessions),
        )
        scores: dict[str, dict[str, float]] = {}
        for row in rows:
            if row["score"] is not None:
                scores.setdefault(row["id"], {})[row["session_id"]] = row["score"]
        deltas: dict[str, dict[str, list[str]]] = {
            session: {"improved_examples": [], "regressed_examples": []} for session in compared
        }
        for example_id, by_session in list(scores.items())[offset : offset + limit]:
            for session in compared:
                if baseline in by_session and session in by_session and by_session[session] != by_session[baseline]:
                    better = (by_session[session] > by_session[baseline]) is not lower_is_better
                    deltas[session]["improved_examples" if better else "regressed_examples"].append(example_id)
        return deltas


def grouped_examples(
    examples: Sequence[dict[str, Any]], *, field: Literal["run_metadata", "example_metadata"], key: str
) -> list[dict[str, Any]]:
    """Examples with runs, grouped by the value of a key of metadata, largest group first; without it, in no group."""
    groups: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {}
    for example in examples:
        for run in example["runs"]:
            metadata = example["metadata"] if field == "example_metadata" else (run["extra"] or {}).get("metadata")
            value = (metadata or {}).get(key)
            if isinstance(value, str | int | float):
                _, members = groups.setdefault(dump(value), (value, {}))
                members.setdefault(example["id"], {**example, "runs": []})["runs"].append(run)
    shaped = [_group(key, value, list(members.values())) for value, members in groups.values()]
    return sorted(shaped, key=lambda group: -group["example_count"])


def _group(key: str, value: Any, examples: list[dict[str, Any]]) -> dict[str, Any]:
    runs = [run for example in examples for run in example["runs"]]
    by_session: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by_session.setdefault(run["session_id"], []).append(run)
    where = f"and(eq(metadata_key, {dump(key)}), eq(metadata_value, {dump(value)}))"
    return {
        "filter": where,
        "group_key": value,
        **totals_of(runs),
        "count": len(runs),
        "sessions": [
            {"id": session, "tenant_id": TENANT_ID, "filter": where, "run_count": len(mine), **totals_of(mine)}
            for session, mine in by_session.items()
        ],
        "examples": examples,
        "example_count": len(examples),
    }


def totals_of(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The totals of runs with the usage of their subtrees, as `group/runs` has them."""
    latencies = sorted((run["end_us"] - run["start_us"]) / 1_000_000 for run in runs if run["end_us"] is not None)
    starts = sorted(run["start_time"] for run in runs if run["start_time"])
    sums = {
        name: sum(run[name] or 0 for run in runs)
        for name in (
            "total_tokens",
            "prompt_tokens",
            "completion_tokens",
            "total_cost",
            "prompt_cost",
            "completion_cost",
        )
    }
    return {
        **{name: money(value) if name.endswith("cost") else value for name, value in sums.items()},
        "min_start_time": starts[0] if starts else None,
        "max_start_time": starts[-1] if starts else None,
        "latency_p50": percentile(latencies, 0.5),
        "latency_p99": percentile(latencies, 0.99),
        "error_rate": sum(run["error"] is not None for run in runs) / len(runs),
        "feedback_stats": mean_feedback(run["feedback_stats"] for run in runs),
    }


def mean_feedback(stats: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """By feedback key the number of the scores of several runs and their mean."""
    scores: dict[str, list[tuple[int, float]]] = {}
    for each in stats:
        for key, one in each.items():
            if one["avg"] is not None:
                scores.setdefault(key, []).append((one["n"], one["avg"]))
    return {
        key: {"n": sum(n for n, _ in pairs), "avg": sum(n * avg for n, avg in pairs) / sum(n for n, _ in pairs)}
        for key, pairs in scores.items()
    }
