"""Many attempts as a LangGraph workflow with the events `batch_started`, `test_completed`… and `batch_completed`.

`test_completed` comes in the order in which attempts end.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langgraph.config import get_stream_writer
from langgraph.func import entrypoint
from langgraph.pregel import Pregel
from langgraph.runtime import Runtime

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.evaluation.runs import outside_of_graph
from eval_pipeline.results.case_result import STATUSES, CaseResult


@dataclass(frozen=True, kw_only=True)
class BatchRuntime:
    """LangGraph's runtime context of one batch."""

    evaluator: CaseEvaluator
    attempts: Sequence[Attempt]
    max_concurrency: int
    keep: Callable[[CaseResult], None] = lambda _: None
    """Is called with each result; the workflow itself keeps none, so that memory stays flat."""


@entrypoint(context_schema=BatchRuntime)
async def _evaluate_batch(inputs: dict[str, Any], *, runtime: Runtime[BatchRuntime]) -> dict[str, Any]:
    """Make every attempt of the batch. `inputs`, `{total}`, is what a trace shows of it."""
    batch, write = runtime.context, get_stream_writer()
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    write({"event": "batch_started", "total": inputs["total"]})
    results = evaluate_all(batch.evaluator, batch.attempts, max_concurrency=batch.max_concurrency)
    index = 0
    async with contextlib.aclosing(_outside(results)) as finished:
        async for result in finished:
            counts[result.status] += 1
            batch.keep(result)
            write(completed_event(index, result))
            index += 1
    write({"event": "batch_completed", "total": index, **counts})
    return {"total": index, **counts}


evaluate_batch = cast("Pregel[Any, BatchRuntime, Any, Any]", _evaluate_batch)


async def _outside(results: AsyncGenerator[CaseResult, None]) -> AsyncGenerator[CaseResult, None]:
    """`results`, of workflows that do not take this one for the graph they are part of, and its stream for theirs."""
    context = outside_of_graph()

    async def following() -> CaseResult | None:
        return await anext(results, None)

    try:
        while (result := await asyncio.create_task(following(), context=context)) is not None:
            yield result
    finally:
        await results.aclose()


def completed_event(index: int, result: CaseResult) -> dict[str, Any]:
    """The event of an attempt that ended."""
    return {
        "event": "test_completed",
        "index": index,
        "name": result.case_id,
        "attempt": result.attempt,
        "passed": result.status == "passed",
        "status": result.status,
        "score": result.score,
        "message": None if result.error is None else result.error.message,
    }
