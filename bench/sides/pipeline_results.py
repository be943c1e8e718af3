"""The engine with durable results and without Dagster, for `bench.pipeline`.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`. The agent of `bench.tracing`, untraced; a result is in the
result log on disk before another attempt takes its place.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.sides.stopwatch import Stopwatch
from bench.sides.tracing_agent import build_agent
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.pipeline.make_attempts import make_attempts
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.results.result_log import ResultLog, read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import Suite, SuiteSpec
from eval_pipeline.targets.langgraph import LangGraphSessionFactory


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    asked = {"input": "orders?", "assertions": [{"type": "contains", "value": "working days"}]}
    cases = [Case.model_validate({"id": f"case-{index}", **asked}) for index in range(given["cases"])]
    written: dict[str, Any] = {
        "name": "bench",
        "cases": "cases.yaml",
        "target": {"kind": "langgraph", "path": "bench:agent"},
        "evaluation": {"max_concurrency": given["concurrency"]},
    }
    suite = Suite(spec=SuiteSpec.model_validate(written), folder=Path())
    target = LangGraphSessionFactory(build_agent(given["delay_s"]), suite.spec.target)  # type: ignore[arg-type]
    pins = Pins(experiment="bench-1", dataset_version="d", context_id=None, target_version="t")
    evaluator = CaseEvaluator(suite=suite, target=target, context=None, pins=pins)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        log = ResultLog(store, suite="bench", experiment="bench-1", writer="run")
        with watch.running(), ResultRecorder(log, attempts={case.id: 1 for case in cases}, report=_ignore) as recorder:
            attempts = [attempt for case in cases for attempt in evaluator.attempts(case, None)]
            throughput = Throughput.of(suite)
            asyncio.run(make_attempts(evaluator, attempts, recorder=recorder, throughput=throughput, on_result=_ignore))
        statuses = read_results(store, "bench", "bench-1", columns=["status"]).column("status").to_pylist()
    watch.report(passed=statuses.count("passed"))


def _ignore(_: object) -> None:
    """Do nothing."""


if __name__ == "__main__":
    main()
