"""A suite whose backfills a real daemon runs, asked for over GraphQL as the UI asks."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from eval_pipeline_tests.dagster_api import DagsterApi
from eval_pipeline_tests.dagster_deployment import running_dagster
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject
from eval_pipeline_tests.waiting import wait_for

CASES = [f"c{number:02d}" for number in range(16)]
_SUITE = """\
name: filled
cases: cases.jsonl
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 1, max_cases_per_run: 3}
"""
_AGENT = """\
import os, pathlib, time

HERE = pathlib.Path(__file__).parent


def answer(message):
    with (HERE / "calls").open("a") as calls:
        calls.write(message + "\\n")
    if (HERE / f"dies-of-{message}").exists():
        os._exit(9)
    while (HERE / f"waits-at-{message}").exists():
        time.sleep(0.02)
    return message
"""
_LOCATION = """\
from pathlib import Path

from eval_pipeline.defs.build import build_location

defs = build_location(folders=[Path(__file__).parent / "suite"])
"""
_PATIENCE_S = 240.0


@dataclass(frozen=True, kw_only=True)
class Backfills:
    """What is asked of the deployment in a folder, and what is there."""

    folder: Path
    api: DagsterApi
    project: DagsterProject

    @property
    def calls(self) -> list[str]:
        """What the target was asked, in order."""
        calls = self.flag("calls")
        return calls.read_text().split() if calls.exists() else []

    def flag(self, name: str) -> Path:
        """A file that the agent looks at: `dies-of-c03` or `waits-at-c03`."""
        return self.folder / "suite" / name

    def launch(self, keys: Sequence[str]) -> str:
        """Begin a backfill of some partitions. Returns its id."""
        return self.api.backfill([["filled", "case_results"]], keys)

    def end_of(self, backfill: str) -> str:
        """Wait for a backfill to end, and return its status."""
        return str(self.until(lambda: self.api.ended_backfill(backfill)))

    def cancel(self, backfill: str) -> str:
        """Cancel a backfill, and return the status that it ends with."""

        def ended() -> str | None:
            # The daemon writes over a request that comes while it is at work on the backfill, as if there were none.
            if self.api.status_of(backfill) == "REQUESTED":
                self.api.cancel_backfill(backfill)
            return self.api.ended_backfill(backfill)

        return str(self.until(ended))

    def runs_of(self, backfill: str) -> list[dg.DagsterRun]:
        """The runs of a backfill."""
        runs = self.project.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
        return list(runs)

    def until(self, there: Callable[[], Any]) -> Any:
        """Wait for something to be there, and return it."""
        log = self.folder / "daemon.log"
        return wait_for(there, timeout_s=_PATIENCE_S, otherwise=lambda: log.read_text()[-3_000:])


@contextlib.contextmanager
def running_backfills(folder: Path, storage: Mapping[str, Any] | None = None) -> Iterator[Backfills]:
    """A daemon and a web server over a suite of sixteen cases in `folder`, on SQLite or on what `storage` says."""
    write_filled(folder, storage or {})
    own = {"DAGSTER_HOME": "home", "EVAL_PIPELINE_STORE": "store", "EVAL_PIPELINE_CACHE": "cache"}
    environment = {**{name: str(folder / value) for name, value in own.items()}, "EVAL_PIPELINE_TRACING": "off"}
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        project = DagsterProject(
            folder=folder / "suite", suite="filled", instance=instance, store_root=folder / "store"
        )
        assert project.run(assets=["test_cases", "shared_context"]).success
        with running_dagster(folder, environment, web=True) as url:
            backfills = Backfills(folder=folder, api=DagsterApi(url=url), project=project)
            backfills.until(backfills.api.answers)
            yield backfills


def write_filled(folder: Path, storage: Mapping[str, Any]) -> None:
    """The suite `filled`, its location and its home in `folder`."""
    (folder / "suite").mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / "suite" / "suite.yaml").write_text(_SUITE)
    (folder / "suite" / "agent.py").write_text(_AGENT)
    lines = [
        f'{{"id": "{key}", "input": "{key}", "assertions": [{{"type": "equals", "value": "{key}"}}]}}\n'
        for key in CASES
    ]
    (folder / "suite" / "cases.jsonl").write_text("".join(lines))
    (folder / "location.py").write_text(_LOCATION)
    # Two runs at once, on a machine that may be small.
    queue = {"max_concurrent_runs": 2, "dequeue_interval_seconds": 1}
    settings = {"telemetry": {"enabled": False}, "run_queue": queue, **storage}
    (folder / "home" / "dagster.yaml").write_text(yaml.safe_dump(settings))
