"""Events of turns are added or counted as dropped, and reporting them never blocks or fails the agent."""

import contextvars
import threading
from typing import Any

import pytest

from eval_pipeline import telemetry
from eval_pipeline.telemetry.bus import EventBus
from eval_pipeline.telemetry.turns import MOST_EVENTS, ReportedTurn

CALL = {"type": "tool_call", "id": "1", "name": "find", "args": {"sku": "T-1"}}
WAIT_S = 120.0


class Handler:
    """Keeps the turns it receives; with `free=False` it blocks until `free` is set."""

    def __init__(self, *, free: bool = True) -> None:
        self.turns: list[ReportedTurn] = []
        self.free = threading.Event()
        if free:
            self.free.set()

    def __call__(self, turn: ReportedTurn) -> None:
        assert self.free.wait(WAIT_S)
        self.turns.append(turn)


def a_turn(name: str = "agent") -> ReportedTurn:
    turn = ReportedTurn(name=name, inputs={})
    turn.end()
    return turn


def test_outside_of_a_turn_nothing_happens() -> None:
    assert telemetry.emit(CALL) is False


@pytest.mark.parametrize(
    "event",
    [None, {}, {"type": 3}, {"type": "tool_call"}, {"type": "usage", "input_tokens": 2**60}, {**CALL, "args": "text"}],
)
def test_an_unreadable_event_is_counted_and_raises_nothing(event: Any, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[ReportedTurn] = []
    with telemetry.turn("agent", "hi", to=ended.append):
        assert telemetry.emit(event) is False
        assert telemetry.emit(CALL) is True

    assert (len(ended[0].events), ended[0].dropped) == (1, 1)
    assert "an event of the turn 'agent' is dropped" in caplog.text


def test_an_event_is_kept_as_it_was_when_it_was_emitted() -> None:
    args = {"sku": "T-1"}
    with telemetry.turn("agent", "hi", to=lambda _: None) as turn:
        telemetry.emit({**CALL, "args": args})
        args["sku"] = "T-2"

    (kept,) = turn.events
    assert isinstance(kept, telemetry.TimedEvent)
    assert kept.event["args"] == {"sku": "T-1"}


def test_a_turn_keeps_a_limited_number_of_events_and_none_after_its_end() -> None:
    with telemetry.turn("agent", "hi", to=lambda _: None) as turn:
        added = sum(telemetry.emit({"type": "message", "content": "x"}) for _ in range(MOST_EVENTS + 5))
    late = turn.emit(CALL)

    assert (added, late, turn.dropped, len(turn.events)) == (MOST_EVENTS, False, 6, MOST_EVENTS)


def test_threads_report_to_the_turn_whose_context_they_run_in() -> None:
    def report() -> None:
        for _ in range(200):
            telemetry.emit(CALL)

    with telemetry.turn("agent", "hi", to=lambda _: None) as turn:
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(report,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(turn.events), turn.dropped) == (1600, 0)


def test_an_exception_propagates_and_is_the_turns_error() -> None:
    ended: list[ReportedTurn] = []
    with pytest.raises(ValueError, match="no"), telemetry.turn("agent", "hi", to=ended.append):
        raise ValueError("no")

    assert ended[0].error == "ValueError: no"


def test_a_sink_that_raises_does_not_fail_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    def broken(turn: ReportedTurn) -> None:
        raise OSError(turn.name)

    with telemetry.turn("agent", "hi", to=broken):
        telemetry.emit(CALL)

    assert "is not reported" in caplog.text


def test_ended_turns_reach_every_handler_in_order() -> None:
    bus, handler, broken = EventBus(), Handler(), Handler()
    broken.turns = None  # type: ignore[assignment]
    bus.subscribe(broken)
    bus.subscribe(handler)
    for number in range(50):
        bus.publish(a_turn(str(number)))

    assert bus.flush(WAIT_S)
    assert [turn.name for turn in handler.turns] == [str(number) for number in range(50)]
    assert (bus.counts.published, bus.counts.handled, bus.counts.dropped, bus.counts.failed) == (50, 50, 0, 50)


def test_a_handler_that_hangs_loses_the_oldest_turns_and_blocks_no_agent(caplog: pytest.LogCaptureFixture) -> None:
    bus, handler = EventBus(capacity=10), Handler(free=False)
    bus.subscribe(handler)
    for number in range(100):
        bus.publish(a_turn(str(number)))
    assert not bus.flush(0.01)

    handler.free.set()

    assert bus.flush(WAIT_S)
    assert [turn.name for turn in handler.turns][-10:] == [str(number) for number in range(90, 100)]
    assert bus.counts.handled + bus.counts.dropped == bus.counts.published == 100
    assert "the oldest are dropped" in caplog.text


def test_without_handlers_nothing_is_kept() -> None:
    bus, handler = EventBus(), Handler()
    bus.subscribe(handler)
    bus.unsubscribe(handler)
    bus.publish(a_turn())

    assert bus.flush(WAIT_S)
    assert (handler.turns, bus.counts.published) == ([], 0)
