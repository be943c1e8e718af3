"""Our engine without tracing: `evaluate_all` over a Python target with one `contains` assertion.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.sides.stopwatch import Stopwatch
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import Suite, SuiteSpec
from eval_pipeline.targets.python import PythonSessionFactory


def answering(delay_s: float) -> Callable[[str], Awaitable[str]]:
    """The target."""

    async def answer(message: str) -> str:
        await asyncio.sleep(delay_s)
        return f"answer to {message}"

    return answer


def evaluator_of(target: Callable[[str], Awaitable[str]]) -> CaseEvaluator:
    """An evaluator of a suite without files."""
    data = {"name": "bench", "cases": "cases.yaml", "target": {"kind": "python", "path": "bench:answer"}}
    pins = Pins(experiment="bench-1", dataset_version="d", context_id=None, target_version="t")
    return CaseEvaluator(
        suite=Suite(spec=SuiteSpec.model_validate(data), folder=Path()),
        target=PythonSessionFactory(target),
        context=None,
        pins=pins,
    )


async def run(cases: list[Case], evaluator: CaseEvaluator, concurrency: int) -> int:
    """Evaluate every case, and return how many passed."""
    attempts = (attempt for case in cases for attempt in evaluator.attempts(case, None))
    passed = 0
    async for result in evaluate_all(evaluator, attempts, max_concurrency=concurrency):
        passed += result.status == "passed"
    return passed


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    asserted = {"type": "contains", "value": "answer"}
    cases = [
        Case.model_validate({"id": f"case-{index}", "input": f"question {index}", "assertions": [asserted]})
        for index in range(given["cases"])
    ]
    evaluator, watch = evaluator_of(answering(given["delay_s"])), Stopwatch()
    with watch.running():
        passed = asyncio.run(run(cases, evaluator, given["concurrency"]))
    watch.report(passed=passed)


if __name__ == "__main__":
    main()
