"""The whole job: `eval-pipeline run` of a suite with a context, through Dagster, with durable results.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`, `url` of a recorder or null for no traces, and `dagster`, the
content of `dagster.yaml`, by default that of `eval-pipeline`, which is SQLite. A first run of one case excludes
imports, the instance and the context; the second, of all cases or of the first `limit`, is measured.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from bench.sides.stopwatch import Stopwatch


def write_suite(folder: Path, *, cases: int, delay_s: float, concurrency: int) -> None:
    """Write a suite with the agent of `bench.tracing`, and documents that each case searches."""
    documents = [
        {"id": f"d{index}", "text": f"Orders of kind {index} are delivered in {index} days."} for index in range(20)
    ]
    data: dict[str, Any] = {
        "name": "bench",
        "cases": "cases.jsonl",
        "context": {"documents": {"source": {"file": "documents.jsonl"}, "retrieval": {"k": 3}}},
        "target": {
            "kind": "langgraph",
            "path": "bench.sides.tracing_agent:build_agent",
            "options": {"delay_s": delay_s},
        },
        "assertions": [{"type": "contains", "value": "working days"}],
        "evaluation": {"max_concurrency": concurrency, "max_cases_per_run": 1_000_000},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    asked = [{"id": f"case-{index:06d}", "input": f"orders of kind {index % 20}?"} for index in range(cases)]
    for name, rows in (("documents", documents), ("cases", asked)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def settings(folder: Path, url: str | None, dagster: dict[str, Any] | None = None) -> dict[str, str]:
    """The environment that stores everything in `folder`."""
    (folder / "home").mkdir()
    if dagster is not None:
        (folder / "home" / "dagster.yaml").write_text(yaml.safe_dump(dagster), encoding="utf-8")
    return {
        "DAGSTER_HOME": str(folder / "home"),
        "EVAL_PIPELINE_STORE": str(folder / "store"),
        "EVAL_PIPELINE_CACHE": str(folder / "cache"),
        "EVAL_PIPELINE_SPOOL": str(folder / "spool"),
        "EVAL_PIPELINE_TRACING": "recorder" if url else "off",
        **({"EVAL_PIPELINE_RECORDER_URL": url} if url else {}),
    }


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_suite(folder, cases=given["cases"], delay_s=given["delay_s"], concurrency=given["concurrency"])
        os.environ.update(settings(folder, given["url"], given.get("dagster")))
        # These read the environment when they are imported.
        from eval_pipeline.cli.main import cli  # noqa: PLC0415
        from eval_pipeline.results.result_log import read_results  # noqa: PLC0415
        from eval_pipeline.store.local import LocalStore  # noqa: PLC0415

        command, limit = ["run", str(folder), "--store", str(folder / "store")], given.get("limit")
        cli.main([*command, "--limit", "1"], standalone_mode=False)
        watch = Stopwatch()
        with watch.running():
            cli.main([*command, *([] if limit is None else ["--limit", str(limit)])], standalone_mode=False)
        store = LocalStore(folder / "store")
        passed = 0
        for experiment in sorted({key.split("/")[2] for key in store.list("experiments/bench/")}):
            statuses = read_results(store, "bench", experiment, columns=["status"]).column("status").to_pylist()
            passed = max(passed, statuses.count("passed"))
    watch.report(passed=passed)


if __name__ == "__main__":
    main()
