"""Many attempts at once, a bounded number in flight, each result handed on as soon as it is there."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, TypeVar

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.evaluation.interpreter import fewer_collections
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.results.case_result import CaseResult

UNKEPT = 50
"""Attempts that may have begun and not be kept, if `max_concurrency` is less: storing does not slow few down."""

_F = TypeVar("_F", bound="asyncio.Future[Any]")

Keep = Callable[[CaseResult], asyncio.Future[None]]
"""Takes a result at once; the future is done when the result would survive the end of this process."""


async def evaluate_all(
    evaluator: CaseEvaluator,
    attempts: Iterable[Attempt],
    *,
    max_concurrency: int,
    throughput: Throughput | None = None,
    keep: Keep | None = None,
) -> AsyncGenerator[CaseResult, None]:
    """Make every attempt, `max_concurrency` at a time, and yield results in the order they finish.

    Memory does not grow with the number of attempts: they are taken from `attempts` as there is room for them, and a
    result that nobody took yet takes room. When the budget of the suite is spent, no further attempt begins, and what
    is left of `attempts` is yielded as `skipped`.

    With `keep`, a result that is not kept yet takes room too: a process that dies has begun, and not kept, at most
    `max_concurrency` attempts, or `UNKEPT` if that is more.

    Args:
        evaluator: makes the attempts.
        attempts: those to be made.
        max_concurrency: attempts in flight, and model calls in flight to one provider.
        throughput: what governs model calls, for those who want its report; by default one as the suite says.
        keep: is given each result that was made, before it is yielded; not those that were skipped.

    Raises:
        InfrastructureError: the world around us failed, or everything broke in the same way; attempts in flight are
            cancelled.
        InputError: money is limited, and a model was called that no price is known of.
    """
    experiment = evaluator.pins.experiment
    run = throughput or Throughput.of(evaluator.suite, max_concurrency=max_concurrency, experiment=experiment)
    waiting = iter(attempts)
    in_flight: set[asyncio.Task[CaseResult]] = set()
    keeping: set[asyncio.Future[None]] = set()
    # Not `asyncio.wait`, which looks at all of those in flight whenever one ends.
    ended: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()
    begun_at_most = max(max_concurrency, UNKEPT)
    try:
        with fewer_collections():
            while True:
                spent = run.budget.spent
                if spent is None:
                    room = min(max_concurrency, begun_at_most - len(keeping)) - len(in_flight)
                    begun = [_evaluate(evaluator, attempt, run) for attempt in itertools.islice(waiting, max(0, room))]
                    in_flight.update(_told_of(asyncio.create_task(made), ended) for made in begun)
                if not (in_flight or keeping):
                    break
                done = await _those_in(ended)
                keeping.difference_update(done)
                finished = [task for task in done if task in in_flight]
                in_flight.difference_update(finished)
                # Of those that finished together, errors come last: what was done is not lost.
                for task in sorted(finished, key=lambda task: task.exception() is not None):
                    result = task.result()
                    if keep is not None:
                        keeping.add(_told_of(keep(result), ended))
                    yield result
                    run.repeated_errors.check(result)
            if spent is not None:
                for attempt in waiting:
                    yield evaluator.skipped(attempt, spent)
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
        if throughput is None:
            run.close()


def _told_of(future: _F, ended: "asyncio.Queue[asyncio.Future[Any]]") -> _F:
    """`future`, which goes into `ended` once it is done."""
    future.add_done_callback(ended.put_nowait)
    return future


async def _those_in(queue: asyncio.Queue[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    """All that is in the queue by now, once there is something."""
    found = [await queue.get()]
    while not queue.empty():
        found.append(queue.get_nowait())
    return found


async def _evaluate(evaluator: CaseEvaluator, attempt: Attempt, run: Throughput) -> CaseResult:
    with run.attempt(attempt.number):
        return await evaluator.evaluate(attempt)
