"""Slots, pace, adaptive limit, working time: each rule by itself."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.models.limits.adaptive import MOST_CHANGES, AdaptiveLimit
from eval_pipeline.models.limits.pace import LocalPacer, Rates
from eval_pipeline.models.limits.slots import Slots
from eval_pipeline.models.limits.working_time import WorkingTime, not_counting, waited_s


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 2), max_size=60), st.integers(1, 600))
@settings(max_examples=60, deadline=None)
def test_no_minute_has_more_requests_than_allowed(gaps: list[float], per_minute: int) -> None:
    clock = Clock()
    pacer = LocalPacer(Rates(requests_per_minute=per_minute), clock=clock)
    sent = []
    for gap in gaps:
        clock.now += gap
        sent.append(clock.now + pacer.reserve(0))
    for first in sent:
        assert sum(first <= moment < first + 60 - 1e-6 for moment in sent) <= per_minute


def test_tokens_that_were_not_foreseen_are_waited_for_afterwards() -> None:
    clock = Clock()
    pacer = LocalPacer(Rates(tokens_per_minute=600), clock=clock)
    assert pacer.reserve(0) == 0
    pacer.settle(100)
    assert pacer.reserve(50) == pytest.approx(10)
    pacer.settle(-50)
    assert pacer.reserve(0) == pytest.approx(10)


def test_without_rates_no_call_waits() -> None:
    pacer = LocalPacer(Rates())
    assert [pacer.reserve(1e9) for _ in range(5)] == [0] * 5


def test_an_overload_halves_once_an_episode_and_answers_climb_back() -> None:
    clock = Clock()
    limit = AdaptiveLimit(8, clock=clock)
    clock.now += 1
    for _ in range(5):
        limit.overloaded(sent_at=100.5, retry_after=3)
    assert (limit.limit, limit.held()) == (4, 3)
    clock.now += 3
    limit.overloaded(sent_at=102, retry_after=None)
    assert (limit.limit, limit.held()) == (2, 0)
    for _ in range(2 + 3 + 4 + 5 + 6 + 7 + 50):
        limit.succeeded()
    assert limit.limit == 8
    assert [change.limit for change in limit.history] == [8, 4, 2, 3, 4, 5, 6, 7, 8]


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 32))
@settings(max_examples=50, deadline=None)
def test_the_limit_stays_between_one_and_its_ceiling(overloads: list[bool], ceiling: int) -> None:
    clock = Clock()
    limit = AdaptiveLimit(ceiling, clock=clock)
    for overloaded in overloads:
        clock.now += 1
        limit.overloaded(sent_at=clock.now, retry_after=None) if overloaded else limit.succeeded()
        assert 1 <= limit.limit <= ceiling
    assert len(limit.history) <= MOST_CHANGES


async def test_slots_admit_as_many_as_there_is_room_for_in_order() -> None:
    slots, inside, seen = Slots(2), 0, []

    async def visit(number: int) -> None:
        nonlocal inside
        await slots.atake()
        inside += 1
        seen.append((number, inside))
        await asyncio.sleep(0)
        inside -= 1
        slots.give()

    await asyncio.gather(*(visit(number) for number in range(9)))
    assert [number for number, _ in seen] == list(range(9))
    assert max(count for _, count in seen) == 2


async def test_a_place_whose_waiter_gave_up_is_not_lost() -> None:
    slots = Slots(1)
    await slots.atake()
    waiting = [asyncio.create_task(slots.atake()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    slots.give()  # given to the second; the third is given up before it hears of anything
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    slots.give()
    async with asyncio.timeout(1):
        await slots.atake()


async def test_slots_that_grow_admit_and_slots_that_close_tell_why() -> None:
    slots = Slots(1)
    await slots.atake()
    waiting = asyncio.create_task(slots.atake())
    await asyncio.sleep(0)
    slots.resize(2)
    await waiting
    late = asyncio.create_task(slots.atake())
    await asyncio.sleep(0)
    slots.close(ValueError("closed"))
    for refused in (late, asyncio.create_task(slots.atake())):
        with pytest.raises(ValueError, match="closed"):
            await refused


def test_threads_wait_for_slots_as_event_loops_do() -> None:
    slots, order = Slots(1), []
    slots.take()

    def wait() -> None:
        slots.take()
        order.append("thread")

    thread = threading.Thread(target=wait)
    thread.start()
    order.append("main")
    slots.give()
    thread.join(5)
    assert order == ["main", "thread"]


async def test_waiting_for_a_provider_does_not_use_an_attempts_time_up() -> None:
    async with WorkingTime(0.15) as limit:
        with not_counting(), not_counting():
            await asyncio.sleep(0.3)
        assert waited_s() == pytest.approx(0.3, abs=0.2)
    assert not limit.expired()


async def test_time_that_counts_runs_out() -> None:
    limit = WorkingTime(0.05)

    async def work() -> None:
        async with limit:
            with not_counting():
                await asyncio.sleep(0.1)
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await work()
    assert limit.expired()


async def test_a_thread_stops_the_clock_as_well() -> None:
    def wait() -> None:
        with not_counting():
            threading.Event().wait(0.3)

    async with WorkingTime(0.15) as limit:
        await asyncio.to_thread(wait)
    assert not limit.expired()
