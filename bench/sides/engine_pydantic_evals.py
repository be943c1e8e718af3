"""pydantic-evals: `Dataset.evaluate` with its `Contains`.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`.
"""

import asyncio
import json
import sys

from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Contains

from bench.sides.stopwatch import Stopwatch


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    delay_s = given["delay_s"]

    async def answer(message: str) -> str:
        await asyncio.sleep(delay_s)
        return f"answer to {message}"

    cases = [Case(name=f"case-{index}", inputs=f"question {index}") for index in range(given["cases"])]
    dataset, watch = Dataset(name="bench", cases=cases, evaluators=[Contains(value="answer")]), Stopwatch()
    with watch.running():
        report = asyncio.run(dataset.evaluate(answer, max_concurrency=given["concurrency"], progress=False))
    watch.report(passed=sum(case.assertions["Contains"].value for case in report.cases))


if __name__ == "__main__":
    main()
