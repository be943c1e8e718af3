"""Many attempts at once, a bounded number in flight, each result handed on as soon as it is there.

Belongs here: bounded concurrency. Does not belong here: one attempt (`attempt.py`), or where results go.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterable

from eval_pipeline.evaluation.attempt import Attempt, Evaluator
from eval_pipeline.evaluation.garbage import what_stays_set_aside
from eval_pipeline.evaluation.result import CaseResult


async def evaluate_all(
    evaluator: Evaluator, attempts: Iterable[Attempt], *, max_concurrency: int
) -> AsyncGenerator[CaseResult, None]:
    """Make every attempt, `max_concurrency` at a time, and yield results in the order they finish.

    Memory does not grow with the number of attempts: they are taken from `attempts` as there is room for them, and a
    result that nobody took yet takes room.

    Raises:
        InfrastructureError: the world around us failed; attempts in flight are cancelled.
    """
    waiting = iter(attempts)
    in_flight: set[asyncio.Task[CaseResult]] = set()
    try:
        with what_stays_set_aside():
            while True:
                for attempt in itertools.islice(waiting, max_concurrency - len(in_flight)):
                    in_flight.add(asyncio.create_task(evaluator.evaluate(attempt)))
                if not in_flight:
                    return
                done, in_flight = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                # Of those that finished together, errors come last: what was done is not lost.
                for task in sorted(done, key=lambda task: task.exception() is not None):
                    yield task.result()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
