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
"""Attempts of a process that may have begun and not be durable, if `max_concurrency` is less: storing does not slow few
down."""

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
    unkept: int = UNKEPT,
) -> AsyncGenerator[CaseResult, None]:
    """Make every attempt, `max_concurrency` at a time, and yield results in the order they finish.

    Memory does not grow with the number of attempts: they are taken from `attempts` as there is room for them, and a
    result that was not taken yet takes room. When the budget of the suite is spent, no further attempt begins, and what
    is left of `attempts` is yielded as `skipped`.

    With `keep`, a result that is not durable yet takes room too: a process that dies has begun, and not kept, at most
    `max_concurrency` attempts, or `unkept` if that is more.

    Args:
        evaluator: makes the attempts.
        attempts: to be made.
        max_concurrency: attempts in flight, and model calls in flight to one provider.
        throughput: governs model calls, and can report on them; by default a new one with the suite's limits.
        keep: is called with each result of an attempt, before it is yielded; not with those of skipped ones.
        unkept: this batch's share of `UNKEPT`, where a process evaluates several at once.

    Raises:
        InfrastructureError: something around the cases failed, or every attempt broke in the same way; attempts in
            flight are cancelled.
        InputError: money is limited, and a model was called whose price is not known.
    """
    experiment = evaluator.pins.experiment
    run = throughput or Throughput.of(evaluator.suite, max_concurrency=max_concurrency, experiment=experiment)
    waiting = iter(attempts)
    in_flight: set[asyncio.Task[CaseResult]] = set()
    keeping: set[asyncio.Future[None]] = set()
    # Not `asyncio.wait`, which looks at all of those in flight whenever one ends.
    ended: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()
    begun_at_most = max(max_concurrency, unkept)
    try:
        with fewer_collections():
            while True:
                spent = run.budget.spent
                if spent is None:
                    room = min(max_concurrency, begun_at_most - len(keeping)) - len(in_flight)
                    new = [_evaluate(evaluator, attempt, run) for attempt in itertools.islice(waiting, max(0, room))]
                    in_flight.update(_reporting_to(ended, asyncio.create_task(attempt)) for attempt in new)
                if not (in_flight or keeping):
                    break
                done = await _all_of(ended)
                keeping.difference_update(done)
                finished = [task for task in done if task in in_flight]
                in_flight.difference_update(finished)
                # Of those that finished together, errors come last: what was done is not lost.
                for task in sorted(finished, key=lambda task: task.exception() is not None):
                    result = task.result()
                    if keep is not None:
                        keeping.add(_reporting_to(ended, keep(result)))
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


def _reporting_to(ended: "asyncio.Queue[asyncio.Future[Any]]", future: _F) -> _F:
    """`future`, which is put into `ended` once it is done."""
    future.add_done_callback(ended.put_nowait)
    return future


async def _all_of(queue: asyncio.Queue[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    """All that is in the queue, once there is something."""
    futures = [await queue.get()]
    while not queue.empty():
        futures.append(queue.get_nowait())
    return futures


async def _evaluate(evaluator: CaseEvaluator, attempt: Attempt, run: Throughput) -> CaseResult:
    with run.attempt(attempt.number):
        return await evaluator.evaluate(attempt)
