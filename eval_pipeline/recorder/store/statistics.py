"""Statistics of sessions, of traces and of feedback."""

import math
import sqlite3
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from eval_pipeline.recorder.store.codec import from_us, pack, unpack
from eval_pipeline.recorder.store.database import Database, placeholders

_MICROSECONDS = 1_000_000
_MAX_COMMENTS = 5


class Statistics:
    """Aggregates over `runs` and `feedback`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_session(self, session_id: str) -> dict[str, Any]:
        """The statistics of a session, which are kept until a run or a score of it comes, changes or goes.

        They are the fields of `_computed`.
        """
        kept = self._database.row("SELECT body FROM session_statistics WHERE session_id = ?", (session_id,))
        if kept is not None:
            body: dict[str, Any] = unpack(kept["body"])
            return body
        with self._database.transaction() as connection:
            computed = self._computed(session_id)
            connection.execute(
                "INSERT OR REPLACE INTO session_statistics VALUES (?, ?)", (session_id, pack(orjson.dumps(computed)))
            )
        return computed

    def _computed(self, session_id: str) -> dict[str, Any]:
        """The statistics fields of `TracerSession`: latencies in seconds, rates in 0 to 1, cost as decimal text.

        `run_count`, latencies and `error_rate` are over root runs, tokens and cost over every run.
        """
        roots = self._database.rows(
            "SELECT start_us, end_us, error FROM runs WHERE session_id = ? AND parent_id IS NULL", (session_id,)
        )
        latencies = sorted(
            (row["end_us"] - row["start_us"]) / _MICROSECONDS
            for row in roots
            if row["end_us"] is not None and row["start_us"] is not None
        )
        usage = self._database.row(
            "SELECT sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens, "
            "sum(total_tokens) AS total_tokens, sum(prompt_cost) AS prompt_cost, "
            "sum(completion_cost) AS completion_cost, sum(total_cost) AS total_cost, "
            "max(CASE WHEN parent_id IS NULL THEN start_us END) AS last_us FROM runs WHERE session_id = ?",
            (session_id,),
        )
        totals = dict(usage) if usage else {}
        last = from_us(totals.pop("last_us", None))
        return {
            "run_count": len(roots),
            "latency_p50": percentile(latencies, 0.5),
            "latency_p99": percentile(latencies, 0.99),
            "first_token_p50": None,
            "first_token_p99": None,
            **{name: money(value) if name.endswith("cost") else value or 0 for name, value in totals.items()},
            "last_run_start_time": last,
            "last_run_start_time_live": last,
            "error_rate": sum(row["error"] is not None for row in roots) / len(roots) if roots else None,
            "feedback_stats": self.feedback_of_session(session_id),
            "session_feedback_stats": self._summary_feedback(session_id),
            "run_facets": [],
        }

    def with_statistics(self, session: dict[str, Any]) -> dict[str, Any]:
        """The session with the fields of `of_session`."""
        return {**session, **self.of_session(session["id"])}

    def feedback_of_session(self, session_id: str) -> dict[str, Any]:
        """Feedback on the runs of a session, by key."""
        return aggregate(
            self._database.rows(
                "SELECT key, score, body FROM feedback WHERE session_id = ? AND run_id IS NOT NULL", (session_id,)
            )
        )

    def _summary_feedback(self, session_id: str) -> dict[str, Any]:
        return aggregate(
            self._database.rows(
                "SELECT key, score, body FROM feedback WHERE session_id = ? AND run_id IS NULL", (session_id,)
            )
        )

    def of_runs(self, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Feedback by run, then by key."""
        grouped: dict[str, list[sqlite3.Row]] = {}
        for row in self._database.rows(
            f"SELECT run_id, key, score, body FROM feedback WHERE run_id IN ({placeholders(run_ids)}) ORDER BY key",  # noqa: S608
            run_ids,
        ):
            grouped.setdefault(row["run_id"], []).append(row)
        return {run_id: aggregate(rows) for run_id, rows in grouped.items()}

    def of_traces(self, trace_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Totals by trace: `run_count`, `start_us`, `end_us`, tokens and cost, children included."""
        rows = self._database.rows(
            f"SELECT * FROM traces WHERE trace_id IN ({placeholders(trace_ids)})",  # noqa: S608
            trace_ids,
        )
        return {row["trace_id"]: dict(row) for row in rows}


def aggregate(rows: Iterable[sqlite3.Row]) -> dict[str, Any]:
    """Feedback statistics by key: `n, avg, stdev, min, max, errors, values, comments, sources` (v2 `FeedbackStats`)."""
    grouped: dict[str, list[tuple[float | None, dict[str, Any]]]] = {}
    for row in rows:
        grouped.setdefault(row["key"], []).append((row["score"], orjson.loads(row["body"])))
    return {key: _summary(entries) for key, entries in grouped.items()}


def _summary(entries: list[tuple[float | None, dict[str, Any]]]) -> dict[str, Any]:
    scores = [score for score, _ in entries if score is not None]
    values: dict[str, int] = {}
    for _, body in entries:
        if isinstance(body.get("value"), str):
            values[body["value"]] = values.get(body["value"], 0) + 1
    return {
        "n": len(entries),
        "avg": statistics.fmean(scores) if scores else None,
        "stdev": statistics.stdev(scores) if len(scores) > 1 else None,
        "min": min(scores, default=None),
        "max": max(scores, default=None),
        "errors": sum(body.get("error") is True for _, body in entries),
        "values": values,
        "comments": [body["comment"] for _, body in entries if body.get("comment")][:_MAX_COMMENTS],
        "sources": sorted({(body.get("feedback_source") or {}).get("type") or "api" for _, body in entries}),
        "contains_thread_feedback": False,
    }


def percentile(ordered: Sequence[float], fraction: float) -> float | None:
    """The value at `fraction` of an ascending sequence, linearly interpolated; None for an empty one."""
    if not ordered:
        return None
    place = (len(ordered) - 1) * fraction
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def money(value: float | None) -> str | None:
    """USD as decimal text, as the API sends cost; sums of floats are rounded to a trillionth."""
    return None if value is None else f"{value:.12f}".rstrip("0").rstrip(".") or "0"
