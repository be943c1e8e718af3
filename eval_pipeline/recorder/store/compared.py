"""What a comparison of experiments shows of each example: verdict, scores, seconds, dollars, answer, by experiment."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from eval_pipeline.recorder.store.codec import json_bytes
from eval_pipeline.recorder.store.database import Database
from eval_pipeline.recorder.store.examples import shape_example

PASSED = "passed"


@dataclass(kw_only=True)
class ComparedSide:
    """The attempts of one experiment at an example; numbers are means over the attempts."""

    run_ids: list[str] = field(default_factory=list)
    errors: int = 0
    latencies: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    """By feedback key."""

    @property
    def passed(self) -> float | None:
        """The share of attempts that passed: the verdict, or 0 for an error; None where nothing decided."""
        if PASSED in self.scores:
            return self.scores[PASSED]
        return 0.0 if self.errors else None

    def number(self, name: str) -> float | None:
        """`passed`, `latency`, `cost`, `tokens`, or the score of a feedback key."""
        lists: dict[str, Sequence[float]] = {"latency": self.latencies, "cost": self.costs, "tokens": self.tokens}
        if name in lists:
            return sum(lists[name]) / len(lists[name]) if lists[name] else None
        return self.passed if name == PASSED else self.scores.get(name)


class ComparedRuns:
    """Queries over `runs`, `traces` and `feedback` for a comparison of experiments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sides(self, session_ids: Sequence[str]) -> dict[str, dict[str, ComparedSide]]:
        """By example, then by experiment."""
        sessions = orjson.dumps(list(session_ids)).decode()
        sides: dict[str, dict[str, ComparedSide]] = defaultdict(dict)
        for row in self._database.rows(
            "SELECT r.id, r.session_id, r.reference_example_id AS example, r.error, r.start_us, r.end_us, "
            "t.total_cost, t.total_tokens FROM runs r JOIN traces t ON t.trace_id = r.trace_id "
            "WHERE r.parent_id IS NULL AND r.reference_example_id IS NOT NULL "
            "AND r.session_id IN (SELECT value FROM json_each(?)) ORDER BY r.start_us, r.id",
            (sessions,),
        ):
            side = sides[row["example"]].setdefault(row["session_id"], ComparedSide())
            side.run_ids.append(row["id"])
            side.errors += row["error"] is not None
            if row["start_us"] is not None and row["end_us"] is not None:
                side.latencies.append((row["end_us"] - row["start_us"]) / 1_000_000)
            if row["total_cost"] is not None:
                side.costs.append(row["total_cost"])
            if row["total_tokens"] is not None:
                side.tokens.append(row["total_tokens"])
        for row in self._database.rows(
            "SELECT r.session_id, r.reference_example_id AS example, f.key, avg(f.score) AS score "
            "FROM feedback f JOIN runs r ON r.id = f.run_id WHERE r.parent_id IS NULL AND f.score IS NOT NULL "
            "AND r.reference_example_id IS NOT NULL AND f.session_id IN (SELECT value FROM json_each(?)) "
            "GROUP BY 1, 2, 3",
            (sessions,),
        ):
            if row["session_id"] in sides.get(row["example"], {}):
                sides[row["example"]][row["session_id"]].scores[row["key"]] = row["score"]
        return sides

    def outputs(self, run_ids: Sequence[str]) -> dict[str, bytes | None]:
        """The outputs of runs in JSON as it came; equal ones are the same answer."""
        rows = self._database.rows(
            "SELECT run_id, outputs FROM payloads WHERE run_id IN (SELECT value FROM json_each(?))",
            (orjson.dumps(list(run_ids)).decode(),),
        )
        return {row["run_id"]: row["outputs"] and json_bytes(row["outputs"]) for row in rows}

    def examples(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The latest state of examples, deleted ones as well, in the order of the dataset."""
        rows = self._database.rows(
            "SELECT * FROM examples e WHERE id IN (SELECT value FROM json_each(?)) "
            "AND valid_from = (SELECT max(valid_from) FROM examples WHERE id = e.id) ORDER BY position",
            (orjson.dumps(list(ids)).decode(),),
        )
        return {row["id"]: shape_example(row) for row in rows}

    def example_order(self, dataset_id: str) -> list[str]:
        """The ids of a dataset's examples, deleted ones as well, in its order."""
        rows = self._database.rows(
            "SELECT id, min(position) AS place FROM examples WHERE dataset_id = ? GROUP BY id ORDER BY place, id",
            (dataset_id,),
        )
        return [row["id"] for row in rows]
