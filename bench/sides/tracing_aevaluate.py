"""The SDK's side of `bench.tracing`: `aevaluate` with upload, with the agent as target and one evaluator.

The arguments, as JSON: `cases`, `delay_s`, `concurrency`, `url`.
"""

import asyncio
import json
import sys
import uuid
from typing import Any

from langchain_core.messages import HumanMessage
from langsmith import Client, aevaluate

from bench.sides.stopwatch import Stopwatch
from bench.sides.tracing_agent import build_agent


def contains(outputs: dict[str, Any]) -> dict[str, Any]:
    """The assertion."""
    return {"key": "contains", "score": "working days" in outputs["response"]}


async def run(client: Client, dataset: str, delay_s: float, concurrency: int) -> int:
    """Evaluate every case, and return how many passed."""
    graph = build_agent(delay_s)

    async def target(inputs: dict[str, Any]) -> dict[str, Any]:
        state = await graph.ainvoke({"messages": [HumanMessage(inputs["message"])]})
        return {"response": state["messages"][-1].content}

    results = await aevaluate(target, data=dataset, evaluators=[contains], max_concurrency=concurrency, client=client)
    passed = 0
    async for row in results:
        passed += bool(row["evaluation_results"]["results"][0].score)
    return passed


def main() -> None:
    """Run this side."""
    given = json.loads(sys.argv[1])
    client = Client(api_url=given["url"], api_key="any", web_url=given["url"])
    dataset = client.create_dataset(f"bench-{uuid.uuid4().hex[:8]}")
    examples = [{"inputs": {"message": f"question {index}"}} for index in range(given["cases"])]
    client.create_examples(dataset_id=dataset.id, examples=examples)
    watch = Stopwatch()
    with watch.running():
        passed = asyncio.run(run(client, dataset.name, given["delay_s"], given["concurrency"]))
        client.flush()
    watch.report(passed=passed)


if __name__ == "__main__":
    main()
