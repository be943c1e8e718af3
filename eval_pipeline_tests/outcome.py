"""What is there when all is over, in Dagster and at the recorder: what tests of killed processes count."""

from typing import Any

import dagster as dg
import httpx


def materialized_partitions(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str]:
    """The partition of every materialization event of an asset; a partition that was reported twice is there twice."""
    partitions: list[str] = []
    cursor = None
    while True:
        page = instance.fetch_materializations(key, limit=1000, cursor=cursor)
        partitions += [str(record.partition_key) for record in page.records]
        if not page.has_more:
            return partitions
        cursor = page.cursor


def rows_of(recorder_url: str, experiment: str) -> list[str]:
    """The name of every row of an experiment: its case."""
    (session,) = httpx.get(f"{recorder_url}/sessions", params={"name": experiment}).json()
    names: list[str] = []
    cursor = None
    while True:
        body: dict[str, Any] = {"session": [session["id"]], "is_root": True, "limit": 100}
        page = httpx.post(f"{recorder_url}/runs/query", json=body | ({"cursor": cursor} if cursor else {})).json()
        names += [run["name"] for run in page["runs"]]
        cursor = (page.get("cursors") or {}).get("next")
        if not cursor:
            return names
