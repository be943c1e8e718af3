"""LangSmith's `aevaluate` without upload; the benchmark turns its background traffic off by a sampling rate of 0.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`.
"""

import asyncio
import datetime as dt
import json
import sys
import uuid
from typing import Any

from langsmith import Client, aevaluate
from langsmith.schemas import Example

from bench.sides.stopwatch import Stopwatch


def contains(outputs: dict[str, Any]) -> dict[str, Any]:
    """The assertion."""
    return {"key": "contains", "score": "answer" in outputs["response"]}


def examples(cases: int) -> list[Example]:
    """The dataset, as examples."""
    dataset, now = uuid.uuid4(), dt.datetime.now(tz=dt.UTC)
    return [
        Example(id=uuid.uuid4(), dataset_id=dataset, inputs={"message": f"question {index}"}, created_at=now)
        for index in range(cases)
    ]


async def run(data: list[Example], delay_s: float, concurrency: int) -> int:
    """Evaluate every case, and return how many passed."""

    async def answer(inputs: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(delay_s)
        return {"response": f"answer to {inputs['message']}"}

    client = Client(api_url="http://127.0.0.1:9", api_key="none")
    results = await aevaluate(
        answer,
        data=data,
        evaluators=[contains],
        max_concurrency=concurrency,
        upload_results=False,
        client=client,
    )
    passed = 0
    async for row in results:
        passed += bool(row["evaluation_results"]["results"][0].score)
    return passed


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    data, watch = examples(given["cases"]), Stopwatch()
    with watch.running():
        passed = asyncio.run(run(data, given["delay_s"], given["concurrency"]))
    watch.report(passed=passed)


if __name__ == "__main__":
    main()
