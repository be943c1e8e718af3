"""Ledgers in Redis and Postgres: the same rules, kept by real servers."""

import threading
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import InputError
from eval_pipeline.models.limits.fleet import postgres_ledger, redis_ledger
from eval_pipeline.models.limits.fleet.ledger import (
    Booking,
    Ledger,
    LedgerUnavailableError,
    Spending,
    ledger_from_environment,
    open_ledger,
)
from eval_pipeline.models.limits.fleet.sharing import Claim
from eval_pipeline_tests.redis_server import RedisServer

LATE_S = 5.0
"""How much later a booking may be than it should, on a machine that is busy."""


def account() -> str:
    return f"openai {uuid.uuid4()}"


def booking(request_s: float = 0.0, tokens_s: float = 0.0, owed_s: float = 0.0) -> Booking:
    return Booking(request_s=request_s, tokens_s=tokens_s, owed_s=owed_s)


@given(
    st.lists(st.tuples(st.sampled_from([1.0, 7.5, 30.0]), st.floats(0, 40)), min_size=1, max_size=15),
    st.lists(st.floats(0, 90), max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_no_window_holds_more_than_its_time_takes(
    ledger: Ledger, asked: list[tuple[float, float]], holds: list[float]
) -> None:
    """Bookings of different rates and weights: within the time between two, no more was booked than fits."""
    name, booked = account(), []
    for number, (request_s, tokens_s) in enumerate(asked):
        if number < len(holds):
            ledger.hold(name, holds[number])
        booked.append((ledger.reserve(name, booking(request_s, tokens_s)), request_s, tokens_s))
    for first in range(len(booked)):
        for last in range(first + 1, len(booked)):
            between = booked[last][0] - booked[first][0]
            # Seconds to wait are from different moments, the later ones from later ones.
            assert between > sum(request for _, request, _ in booked[first:last]) - LATE_S
            assert between > sum(tokens for _, _, tokens in booked[first:last]) - LATE_S


def test_tokens_that_were_not_foreseen_are_waited_for_afterwards(ledger: Ledger) -> None:
    name = account()
    assert ledger.reserve(name, booking()) == pytest.approx(0, abs=0.1)
    assert ledger.reserve(name, booking(owed_s=100)) == pytest.approx(100, abs=LATE_S)
    assert ledger.reserve(name, booking(owed_s=-50)) == pytest.approx(100, abs=LATE_S)


def test_a_hold_of_one_member_applies_to_all(ledger: Ledger) -> None:
    name = account()
    ledger.hold(name, 60)
    ledger.hold(name, 10)  # a shorter one ends no longer one
    assert ledger.reserve(name, booking()) == pytest.approx(60, abs=LATE_S)
    reply = ledger.heartbeat(name, "other", Claim(held=0, demand=1, ceiling=4), limit=None)
    assert reply.share == 4
    assert reply.held_s == pytest.approx(60, abs=LATE_S)
    assert ledger.reserve(account(), booking()) == pytest.approx(0, abs=0.1)


def test_a_ledger_that_lost_its_memory_books_after_what_is_outstanding(ledger: Ledger) -> None:
    outstanding = Booking(request_s=1, tokens_s=0, not_before_s=30)
    assert ledger.reserve(account(), outstanding) == pytest.approx(30, abs=0.1)


def test_bookings_from_many_threads_are_as_many_and_apart(ledger: Ledger) -> None:
    name = account()
    waits_s: list[float] = []

    def book() -> None:
        waits_s.extend(ledger.reserve(name, booking(request_s=1000.0)) for _ in range(5))

    threads = [threading.Thread(target=book) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(waits / 1000) for waits in sorted(waits_s)] == list(range(30))


def test_members_share_the_calls_and_those_that_leave_make_room(ledger: Ledger) -> None:
    name = account()
    assert ledger.heartbeat(name, "a", Claim(held=0, demand=8, ceiling=8), limit=6).share == 6
    second = ledger.heartbeat(name, "b", Claim(held=0, demand=8, ceiling=8), limit=6)
    assert (second.share, second.members) == (0, 2)
    assert ledger.heartbeat(name, "a", Claim(held=6, demand=8, ceiling=8), limit=6).share == 3
    assert ledger.heartbeat(name, "b", Claim(held=0, demand=8, ceiling=8), limit=6).share == 0
    assert ledger.heartbeat(name, "a", Claim(held=3, demand=8, ceiling=8), limit=6).share == 3
    assert ledger.heartbeat(name, "b", Claim(held=0, demand=8, ceiling=8), limit=6).share == 3
    ledger.leave(name, "a")
    assert ledger.heartbeat(name, "b", Claim(held=3, demand=8, ceiling=8), limit=6).share == 6


def test_a_member_that_says_nothing_any_more_is_forgotten(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    name = account()
    ledger.heartbeat(name, "killed", Claim(held=0, demand=8, ceiling=8), limit=6)
    for module in (redis_ledger, postgres_ledger):
        monkeypatch.setattr(module, "MEMBER_LIVES_S", 0.0)
    reply = ledger.heartbeat(name, "b", Claim(held=0, demand=8, ceiling=8), limit=6)
    assert (reply.share, reply.members) == (6, 1)


def test_beats_of_many_at_once_never_hold_more_than_the_limit(ledger: Ledger) -> None:
    name = account()
    held: dict[str, int] = {}

    def take(member: str) -> None:
        share = 0
        for _ in range(10):
            share = ledger.heartbeat(name, member, Claim(held=share, demand=9, ceiling=9), limit=7).share
        held[member] = share

    threads = [threading.Thread(target=take, args=[f"m{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < sum(held.values()) <= 7


def test_what_an_experiment_spends_is_added_up(ledger: Ledger) -> None:
    name = account()
    ledger.spend(name, Spending(tokens=10, cost_usd=0.25))
    total = ledger.spend(name, Spending(tokens=5, cost_usd=0.5))
    assert total.tokens == 15
    assert total.cost_usd == pytest.approx(0.75)


@pytest.mark.parametrize("url", ["redis://:secret@127.0.0.1:1/0", "postgresql://u:secret@127.0.0.1:1/none"])
def test_a_server_that_does_not_answer_is_unavailable_and_its_password_is_not_shown(url: str) -> None:
    ledger = open_ledger(url)
    with pytest.raises(LedgerUnavailableError) as error:
        ledger.reserve("a", booking())
    assert "secret" not in str(error.value)
    ledger.close()


def test_a_server_that_was_unavailable_is_used_again(redis_server: RedisServer) -> None:
    ledger = open_ledger(redis_server.url)
    ledger.reserve("a", booking())
    redis_server.stop()
    with pytest.raises(LedgerUnavailableError):
        ledger.reserve("a", booking())
    redis_server.start()
    assert ledger.reserve("a", booking()) == pytest.approx(0, abs=0.1)
    ledger.close()


def test_the_environment_says_where_limits_are(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger_from_environment() is None
    monkeypatch.setenv("EVAL_PIPELINE_LIMITS", redis_server.url)
    ledger = ledger_from_environment()
    assert ledger is not None
    assert ledger.kind == "redis"
    monkeypatch.setenv("EVAL_PIPELINE_LIMITS", "memcached://:secret@host")
    with pytest.raises(InputError, match=r"EVAL_PIPELINE_LIMITS.*redis://… or postgresql://…") as error:
        ledger_from_environment()
    assert "secret" not in str(error.value)
