"""The model of `eval-pipeline scaling` compared with measured runs: predicted and measured seconds, and their ratio.

Three runs whose bottleneck is waiting, as with models: one process under a limit of requests a minute, worker
processes, and a backfill on Celery (`deploy/celery`). `--record` stores the figures in `scaling_points.json`, and
rewrites docs/scaling.md and its picture; a test compares the model with them. `--doc` only rewrites.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bench.report import Comparison
from bench.scaling_doc import write_doc
from bench.scaling_points import POINTS, Point, read_points
from eval_pipeline.testing.openai_server import openai_server
from eval_pipeline_tests.deploy.celery_fleet import running_fleet
from eval_pipeline_tests.deploy.counted_suite import CountedSuite
from eval_pipeline_tests.deploy.drill import backfilled, prepare
from eval_pipeline_tests.quick_dagster import QUICK_DAEMON

_OWN = ("LANGSMITH_", "LANGCHAIN_", "EVAL_PIPELINE_", "DAGSTER_", "AWS_", "OPENAI_")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A run that is measured, and the inputs of the model."""

    name: str
    description: str
    given: Mapping[str, Any]
    run: Callable[[Path, Mapping[str, Any]], float]
    """Runs it in a folder, and returns its seconds."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the cases; to check that it runs. Records nothing"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--record", action="store_true", help="store the figures, and rewrite the document")
    parser.add_argument("--doc", action="store_true", help="rewrite the document from the stored figures")
    parser.add_argument("--only", choices=[experiment.name for experiment in EXPERIMENTS], help="run one of them")
    chosen = parser.parse_args()
    recorded = {} if not POINTS.exists() else {point.name: point for point in read_points()}
    for experiment in () if chosen.doc else EXPERIMENTS:
        if chosen.only in (None, experiment.name):
            point = _measured(experiment, quick=chosen.quick)
            recorded[point.name] = point
            print(json.dumps(asdict(_comparison(point))) if chosen.json else point, flush=True)
    if (chosen.record and not chosen.quick) or chosen.doc:
        POINTS.write_text(json.dumps([asdict(point) for point in recorded.values()], indent=2) + "\n")
        write_doc()


def _comparison(point: Point) -> Comparison:
    seconds = {"wall_s": point.measured_s, "predicted_s": round(point.predicted_s, 1)}
    ratios = {"predicted": round(point.ratio, 3)}
    name = f"scaling: {point.name}"
    return Comparison(name=name, n=point.given["cases"], ours=seconds, peers={}, ratios=ratios, notes=[str(point)])


def _measured(experiment: Experiment, *, quick: bool) -> Point:
    given = {**experiment.given, "cases": experiment.given["cases"] // (10 if quick else 1)}
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        seconds = experiment.run(Path(folder), given)
    day = time.strftime("%Y-%m-%d", time.gmtime())
    load = os.getloadavg()[1]
    return Point(
        name=experiment.name,
        description=experiment.description,
        given=given,
        measured_s=round(seconds, 1),
        measured=f"{day}, load {load:.1f} on {os.cpu_count()} cores",
    )


def _limited(folder: Path, given: Mapping[str, Any]) -> float:
    """A slow chat model over HTTP, called by one process under a limit."""
    suite = _suite(
        folder,
        given,
        target="{kind: chat, model: 'openai:gpt-4o-mini'}",
        more=f"requests_per_minute: {given['requests_per_minute']}",
    )
    with openai_server(lambda _body: "yes", latency_s=given["seconds"]) as server:
        return _run(folder, suite, OPENAI_API_KEY="none", OPENAI_BASE_URL=server.url)


def _processes(folder: Path, given: Mapping[str, Any]) -> float:
    """Worker processes with an agent that waits."""
    compute = f"{{kind: subprocess, max_parallel: {given['workers']}, cases_per_task: {given['cases_per_task']}}}"
    suite = _suite(folder, given, target='{kind: python, path: "agent.py:answer"}', compute=compute)
    (suite / "agent.py").write_text(
        "import asyncio\n\n\nasync def answer(message):\n"
        f"    await asyncio.sleep({given['seconds']})\n    return 'yes'\n"
    )
    return _run(folder, suite)


def _celery(folder: Path, given: Mapping[str, Any]) -> float:
    """From the first start to the last end of a run: Dagster polls backfills at its own pace."""
    suite = CountedSuite(
        folder=folder / "suite",
        cases=given["cases"],
        cases_per_run=given["cases_per_task"],
        seconds=given["seconds"],
    )
    suite.write()
    clean = mock.patch.dict(os.environ, _environment(), clear=True)
    with clean, running_fleet(folder, suite, daemon=QUICK_DAEMON) as fleet:
        prepare(fleet)
        drill = backfilled(fleet)
    if drill.results != given["cases"]:
        sys.exit(f"{drill.results} results of {given['cases']} cases")
    return drill.runs / drill.runs_per_minute * 60


def _suite(folder: Path, given: Mapping[str, Any], *, target: str, compute: str = "local", more: str = "") -> Path:
    suite = folder / "suite"
    suite.mkdir()
    evaluation = ", ".join(part for part in (f"max_concurrency: {given['concurrency']}", more) if part)
    (suite / "suite.yaml").write_text(
        f"name: scaling\ncases: cases.jsonl\ntarget: {target}\ncompute: {compute}\nevaluation: {{{evaluation}}}\n"
        "assertions: [{type: equals, value: 'yes'}]\n"
    )
    rows = (json.dumps({"id": f"c{number:06d}", "input": f"is it {number}?"}) for number in range(given["cases"]))
    (suite / "cases.jsonl").write_text("\n".join(rows))
    return suite


def _run(folder: Path, suite: Path, **more: str) -> float:
    (folder / "home").mkdir()
    own = {
        "DAGSTER_HOME": str(folder / "home"),
        "EVAL_PIPELINE_STORE": str(folder / "store"),
        "EVAL_PIPELINE_CACHE": str(folder / "cache"),
        "EVAL_PIPELINE_TRACING": "off",
    }
    command = [str(Path(sys.executable).parent / "eval-pipeline"), "run", str(suite), "--json"]
    began = time.monotonic()
    done = subprocess.run(command, env={**_environment(), **own, **more}, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(done.stderr[-2_000:])
    return seconds


def _environment() -> dict[str, str]:
    """The environment without variables of the user's own deployment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}


EXPERIMENTS = (
    Experiment(
        name="limit",
        description="one process, a chat model over HTTP, 600 requests a minute",
        given={
            "kind": "local",
            "cases": 1_000,
            "seconds": 0.3,
            "concurrency": 50,
            "requests": 1,
            "tokens_in": 20,
            "tokens_out": 2,
            "requests_per_minute": 600,
            "traced": False,
        },
        run=_limited,
    ),
    Experiment(
        name="processes",
        description="two worker processes, 16 tasks of 25 cases, four at a time",
        given={
            "kind": "subprocess",
            "cases": 400,
            "seconds": 1.5,
            "concurrency": 4,
            "workers": 2,
            "cases_per_task": 25,
            "traced": False,
        },
        run=_processes,
    ),
    Experiment(
        name="celery",
        description="two Celery workers, 12 runs of 20 cases, four at a time; from the first start to the last end",
        given={
            "kind": "celery",
            "cases": 240,
            "seconds": 2.0,
            "concurrency": 4,
            "workers": 2,
            "cases_per_task": 20,
            "backfill_s": 0,
        },
        run=_celery,
    ),
)


if __name__ == "__main__":
    main()
