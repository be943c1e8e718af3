"""Whether every row of an experiment is where it should be."""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.tracing.send.counts import Counts

_PAGE_V2, _PAGE_V1 = 1_000, 100
_GONE = frozenset({404, 405, 501})
_SLACK = dt.timedelta(hours=25)
"""Flushed runs are moved in time, and lead times put roots before the project's own start."""


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """Rows are the attempts of an experiment; in LangSmith, the root runs of its project."""

    expected: int
    present: int | None
    """None: the server could not say."""
    sent: int
    """Runs, not rows, like the next three: what this process handed over."""
    spooled: int
    refused: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether every row is there, and none twice."""
        return self.present == self.expected and not self.dropped

    def to_json(self) -> dict[str, int | bool | None]:
        """The numbers by name."""
        return {**asdict(self), "complete": self.complete}


def reconcile(connection: Connection, session: ExperimentSession, *, expected: int, counts: Counts) -> Reconciliation:
    """Hold what is there against what was expected; pages through the roots once, never asks for a single run."""
    return Reconciliation(
        expected=expected,
        present=rows_present(connection, session),
        sent=counts.runs_sent,
        spooled=counts.runs_spooled,
        refused=counts.runs_refused,
        dropped=counts.runs_dropped,
    )


def rows_present(connection: Connection, session: ExperimentSession) -> int | None:
    """How many root runs the experiment has; None when the server cannot say."""
    found = row_ids(connection, session)
    return None if found is None else len(found)


def row_ids(connection: Connection, session: ExperimentSession) -> frozenset[str] | None:
    """The ids of the experiment's root runs; None when the server cannot say."""
    found = _ids(connection, session, newer=True)
    return found if isinstance(found, frozenset) else _fallback(connection, session, found)


def _fallback(connection: Connection, session: ExperimentSession, status: str) -> frozenset[str] | None:
    if status != "older":
        return None
    found = _ids(connection, session, newer=False)
    return found if isinstance(found, frozenset) else None


def _ids(connection: Connection, session: ExperimentSession, *, newer: bool) -> frozenset[str] | str:
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        path, body = _query(connection, session, cursor, newer=newer)
        answer = connection.json("POST", path, body)
        if answer.status in _GONE:
            return "older"
        if not answer.ok:
            return "away"
        page: dict[str, Any] = answer.json()
        seen.update(str(run["id"]) for run in page.get("items" if newer else "runs") or [])
        cursor = page.get("next_cursor") if newer else (page.get("cursors") or {}).get("next")
        if not cursor:
            return frozenset(seen)


def _query(
    connection: Connection, session: ExperimentSession, cursor: str | None, *, newer: bool
) -> tuple[str, dict[str, Any]]:
    since = (session.started_at - _SLACK).isoformat()
    if newer:
        body: dict[str, Any] = {
            "project_ids": [str(session.id)],
            "is_root": True,
            "selects": ["ID"],
            "min_start_time": since,
            "page_size": _PAGE_V2,
        }
        # v2 has one address, whichever prefix the API was given with.
        root = connection.destination.api_url.removesuffix("/v1").removesuffix("/api")
        return f"{root}/api/v2/runs/query", body | ({"cursor": cursor} if cursor else {})
    body = {"session": [str(session.id)], "is_root": True, "select": ["id"], "limit": _PAGE_V1, "start_time": since}
    return "/runs/query", body | ({"cursor": cursor} if cursor else {})
