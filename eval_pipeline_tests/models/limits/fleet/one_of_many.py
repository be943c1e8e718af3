"""`python -m …one_of_many FOLDER SERVER COUNT WIDTH EVALUATION`: one process of a fleet, which evaluates COUNT cases.

It prints a JSON object: how attempts ended, and its report of shared limits.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator

HELLO = {"type": "contains", "value": "hello"}


async def evaluate(
    folder: Path, server: str, *, count: int, width: int, experiment: str = "experiment", **evaluation: Any
) -> tuple[Counter[str], Throughput]:
    """How many attempts ended how, and what governed them."""
    target = {"kind": "chat", "model": "openai:gpt-test", "options": {"base_url": server}}
    case_evaluator = an_evaluator(a_suite(folder, target=target, evaluation=evaluation, assertions=[HELLO]))
    attempts = [Attempt(case=a_case(f"c{number}"), number=1) for number in range(count)]
    throughput = Throughput.of(case_evaluator.suite, max_concurrency=width, experiment=experiment)
    try:
        results = evaluate_all(case_evaluator, attempts, max_concurrency=width, throughput=throughput)
        return Counter([result.status async for result in results]), throughput
    finally:
        throughput.close()


def main(folder: str, server: str, count: str, width: str, evaluation: str) -> None:
    Path(folder).mkdir(exist_ok=True)
    ended, throughput = asyncio.run(
        evaluate(Path(folder), server, count=int(count), width=int(width), **json.loads(evaluation))
    )
    sys.stdout.write(json.dumps({"ended": ended, "shared": throughput.report().shared}))


def program() -> None:
    """`main` with the arguments of the command line."""
    main(*sys.argv[1:])


if __name__ == "__main__":
    program()
