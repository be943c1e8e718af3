"""Many attempts at once, a bounded number in flight, each result handed on as soon as it is there.

Belongs here: bounded concurrency. Does not belong here: one attempt (`attempt.py`), or where results go.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from eval_pipeline.evaluation.attempt import Attempt, Evaluator
from eval_pipeline.evaluation.result import CaseResult


async def evaluate_all(
    evaluator: Evaluator, attempts: Iterable[Attempt], *, max_concurrency: int
) -> AsyncIterator[CaseResult]:
    """Make every attempt, `max_concurrency` at a time, and yield results in the order they finish.

    Memory does not grow with the number of attempts: they are taken from `attempts` as workers become free, and a
    result that nobody took yet holds its worker.

    Raises:
        InfrastructureError: the world around us failed; attempts in flight are cancelled.
    """
    finished: asyncio.Queue[CaseResult | None] = asyncio.Queue(maxsize=max_concurrency)
    waiting = iter(attempts)

    async def work() -> None:
        # The iterator is shared: between `next` and its value no other worker runs.
        for attempt in waiting:
            await finished.put(await evaluator.evaluate(attempt))

    async def work_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max_concurrency):
                    group.create_task(work())
        finally:
            await finished.put(None)

    workers = asyncio.create_task(work_all())
    try:
        while (result := await finished.get()) is not None:
            yield result
        await _first_error(workers)
    finally:
        workers.cancel()
        await asyncio.gather(workers, return_exceptions=True)


async def _first_error(workers: "asyncio.Task[None]") -> None:
    """Raise the first error of the group by itself: one cause is what a user can mend."""
    try:
        await workers
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
