"""Many attempts as a LangGraph workflow that tells how they go: `batch_started, test_completed…, batch_completed`.

`test_completed` comes in the order in which attempts end.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.runnables.config import ensure_config, set_config_context
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint
from langgraph.pregel import Pregel
from langgraph.runtime import Runtime

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.results.case_result import CaseResult


@dataclass(frozen=True, kw_only=True)
class BatchRuntime:
    """LangGraph's runtime context of one batch."""

    evaluator: CaseEvaluator
    attempts: Sequence[Attempt]
    max_concurrency: int
    keep: Callable[[CaseResult], None] = lambda _: None
    """Is given each result; the workflow itself keeps none, so that memory stays flat."""


@entrypoint(context_schema=BatchRuntime)
async def _evaluate_batch(inputs: dict[str, Any], *, runtime: Runtime[BatchRuntime]) -> dict[str, Any]:
    """Every attempt of the batch. `inputs` is what a trace shows of it: `{total}`, None where it is not known."""
    batch, tell = runtime.context, get_stream_writer()
    counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    tell({"event": "batch_started", "total": inputs["total"]})
    results = evaluate_all(batch.evaluator, batch.attempts, max_concurrency=batch.max_concurrency)
    index = 0
    async with contextlib.aclosing(_apart(results)) as finished:
        async for result in finished:
            counts[result.status] += 1
            batch.keep(result)
            tell(completed_event(index, result))
            index += 1
    tell({"event": "batch_completed", "total": index, **counts})
    return {"total": index, **counts}


evaluate_batch = cast("Pregel[Any, BatchRuntime, Any, Any]", _evaluate_batch)


async def _apart(results: AsyncGenerator[CaseResult, None]) -> AsyncGenerator[CaseResult, None]:
    """`results`, of workflows that do not take this one for the graph they are part of, and its stream for theirs."""
    with set_config_context({**ensure_config(), "configurable": {}}) as context:
        pass

    async def following() -> CaseResult | None:
        return await anext(results, None)

    try:
        while (result := await asyncio.create_task(following(), context=context)) is not None:
            yield result
    finally:
        await results.aclose()


def completed_event(index: int, result: CaseResult) -> dict[str, Any]:
    """What is told of an attempt that ended."""
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
