"""Many attempts: never too many at once, every result once, an end that is an end, and memory that stays flat."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import TransientError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import UNKEPT, evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator


class Gauge(LiveSessionFactory):
    """A target that counts how many are talking to it, and does as the case's metadata say."""

    def __init__(self) -> None:
        self.now = self.most = self.begun = self.cancelled = 0

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "_Talk":
        del attempt, thread_id
        return _Talk(self, case)


class _Talk(LiveSession):
    def __init__(self, gauge: Gauge, case: Case) -> None:
        self._gauge, self._case = gauge, case

    async def send(self, message: str) -> Reply:
        gauge = self._gauge
        gauge.begun += 1
        gauge.now += 1
        gauge.most = max(gauge.most, gauge.now)
        try:
            await asyncio.sleep(self._case.metadata.get("sleep", 0))
            if self._case.metadata.get("away"):
                raise TransientError("the store is away", fix="wait")
        except asyncio.CancelledError:
            gauge.cancelled += 1
            raise
        finally:
            gauge.now -= 1
        return Reply(response=message)


def set_up(gauge: Gauge) -> CaseEvaluator:
    return an_evaluator(a_suite(Path()), target=gauge)


def attempts(count: int, **metadata: Any) -> Iterator[Attempt]:
    return (Attempt(case=a_case(f"c{n}", metadata=metadata), number=1) for n in range(count))


async def ids(results: AsyncIterator[CaseResult]) -> list[str]:
    return [result.case_id async for result in results]


@given(count=st.integers(0, 12), width=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_never_more_than_asked_for_are_in_flight_and_each_comes_once(count: int, width: int) -> None:
    gauge = Gauge()
    case_ids = asyncio.run(ids(evaluate_all(set_up(gauge), attempts(count), max_concurrency=width)))
    assert sorted(case_ids) == sorted(f"c{n}" for n in range(count))
    assert gauge.most == min(count, width)


async def test_results_come_in_the_order_they_finish() -> None:
    slow_first = [Attempt(case=a_case(f"c{n}", metadata={"sleep": s}), number=1) for n, s in enumerate((0.06, 0.02, 0))]
    assert await ids(evaluate_all(set_up(Gauge()), slow_first, max_concurrency=3)) == ["c2", "c1", "c0"]


async def test_attempts_are_taken_as_there_is_room_for_them() -> None:
    taken: list[str] = []

    def given_out() -> Iterator[Attempt]:
        for attempt in attempts(50):
            taken.append(attempt.case.id)
            yield attempt

    async with aclosing(evaluate_all(set_up(Gauge()), given_out(), max_concurrency=2)) as results:
        await anext(results)
        await asyncio.sleep(0.02)  # no result is taken: work stops soon
        assert len(taken) <= 6


@pytest.mark.parametrize("seconds", [0, 30])
async def test_to_stop_listening_cancels_what_is_in_flight(seconds: float) -> None:
    gauge = Gauge()
    mixed = [*attempts(1), *attempts(20, sleep=seconds)]
    async with asyncio.timeout(5), aclosing(evaluate_all(set_up(gauge), mixed, max_concurrency=3)) as results:
        await anext(results)
        await asyncio.sleep(0.02)
    assert gauge.now == 0
    assert gauge.cancelled == (0 if not seconds else gauge.begun - 1)


async def test_the_world_failing_cancels_the_others_and_is_one_error() -> None:
    gauge = Gauge()
    mixed = [*attempts(2, sleep=30), Attempt(case=a_case("bad", metadata={"away": True}), number=1), *attempts(9)]
    with pytest.raises(TransientError, match="the store is away"):
        async with asyncio.timeout(5):
            await ids(evaluate_all(set_up(gauge), mixed, max_concurrency=3))
    assert (gauge.now, gauge.cancelled) == (0, 2)


async def test_to_be_cancelled_cancels_what_is_in_flight() -> None:
    gauge = Gauge()
    task = asyncio.create_task(ids(evaluate_all(set_up(gauge), attempts(5, sleep=30), max_concurrency=3)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (gauge.now, gauge.cancelled) == (0, 3)


@pytest.mark.parametrize(("width", "unkept"), [(3, UNKEPT), (UNKEPT + 20, UNKEPT), (3, 7)])
async def test_what_is_not_kept_yet_takes_room(width: int, unkept: int) -> None:
    gauge = Gauge()
    asked: list[tuple[str, asyncio.Future[None]]] = []
    most = max(width, unkept)
    full = asyncio.Event()

    def keep(result: CaseResult) -> asyncio.Future[None]:
        asked.append((result.case_id, asyncio.get_running_loop().create_future()))
        if len(asked) == most:
            full.set()
        return asked[-1][1]

    made = asyncio.create_task(
        ids(evaluate_all(set_up(gauge), attempts(200, sleep=0.001), max_concurrency=width, keep=keep, unkept=unkept))
    )
    async with asyncio.timeout(10):
        await full.wait()
        await asyncio.sleep(0.05)
        assert gauge.begun == len(asked) == most

        while not made.done():
            for _, future in asked:
                if not future.done():
                    future.set_result(None)
            await asyncio.sleep(0.001)
    assert gauge.most <= width
    assert await made == [case_id for case_id, _ in asked]
    assert len(set(await made)) == 200


async def test_memory_does_not_grow_with_the_number_of_attempts() -> None:
    alive: list[int] = []
    count = 0
    async for _ in evaluate_all(set_up(Gauge()), attempts(2_000), max_concurrency=8):
        count += 1
        if count in (400, 2_000):
            gc.collect()
            alive.append(len(gc.get_objects()))
    assert alive[1] - alive[0] < 1_600  # less than one object an attempt
