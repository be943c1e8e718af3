"""What a recorder and a run's events say after a run: rows, experiments, metadata, checks."""

from typing import Any

import dagster as dg
import httpx

_PAGE = 100


def runs_at(url: str) -> list[dict[str, Any]]:
    """Every run a recorder has, with the name of its project."""
    runs: list[dict[str, Any]] = []
    for session in httpx.get(f"{url}/sessions").json():
        body: dict[str, Any] = {"session": [session["id"]], "limit": _PAGE}
        cursor = None
        while True:
            page = httpx.post(f"{url}/runs/query", json=body | ({"cursor": cursor} if cursor else {})).json()
            runs += [{**run, "project": session["name"]} for run in page["runs"]]
            cursor = (page.get("cursors") or {}).get("next")
            if not cursor:
                break
    return runs


def rows_of(runs: list[dict[str, Any]]) -> list[str]:
    """The names of the rows of experiments among runs, sorted."""
    roots = [run for run in runs if not run["parent_run_id"] and not run["project"].endswith("-shared")]
    return sorted(run["name"] for run in roots)


def rows_at(url: str) -> list[str]:
    """The names of the rows a recorder has, sorted."""
    return rows_of(runs_at(url))


def experiments_at(url: str) -> list[str]:
    """The names of the experiments a recorder has; a project without a dataset is none."""
    sessions = httpx.get(f"{url}/sessions").json()
    return sorted(session["name"] for session in sessions if session["reference_dataset_id"])


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What the first materialization of an asset says."""
    event = next(
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.path[-1] == asset
    )
    metadata = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in metadata.items()}


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks of a run, by name."""
    return {check.check_name: check for check in result.get_asset_check_evaluations()}
