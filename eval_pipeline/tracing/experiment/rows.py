"""Read which rows of an experiment a server has. A row is the root run of an attempt in the experiment's project."""

import datetime as dt
from typing import Any

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import ExperimentSession

_PAGE_V2, _PAGE_V1 = 1_000, 100
_NO_SUCH_ROUTE = frozenset({404, 405, 501})
_SLACK = dt.timedelta(hours=25)
"""Flushed runs are moved in time, and lead times put roots before the project's own start."""


class _NoSuchRouteError(Exception):
    """The server does not have this version of the API."""


def row_ids(connection: Connection, session: ExperimentSession) -> frozenset[str] | None:
    """The ids of the experiment's root runs; None if the server does not answer.

    Pages through the roots once, and never asks for a single run.
    """
    for newer in (True, False):
        try:
            return _ids(connection, session, newer=newer)
        except _NoSuchRouteError:
            continue
    return None


def _ids(connection: Connection, session: ExperimentSession, *, newer: bool) -> frozenset[str] | None:
    ids: set[str] = set()
    cursor: str | None = None
    while True:
        path, body = _query(connection, session, cursor, newer=newer)
        response = connection.json("POST", path, body)
        if response.status in _NO_SUCH_ROUTE:
            raise _NoSuchRouteError
        if not response.ok:
            return None
        page: dict[str, Any] = response.json()
        ids.update(str(run["id"]) for run in page.get("items" if newer else "runs") or [])
        cursor = page.get("next_cursor") if newer else (page.get("cursors") or {}).get("next")
        if not cursor:
            return frozenset(ids)


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
