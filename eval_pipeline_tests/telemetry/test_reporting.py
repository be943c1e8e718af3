"""Reporting: taken or counted, never in the way of whoever reports."""

import contextvars
import threading
from typing import Any

import pytest

from eval_pipeline import telemetry
from eval_pipeline.telemetry.bus import EventBus
from eval_pipeline.telemetry.turns import MOST_EVENTS, Turn

CALL = {"type": "tool_call", "id": "1", "name": "find", "args": {"sku": "T-1"}}
PATIENCE_S = 120.0


class Handler:
    """Keeps what it is told, when it is let."""

    def __init__(self, *, free: bool = True) -> None:
        self.turns: list[Turn] = []
        self.free = threading.Event()
        if free:
            self.free.set()

    def __call__(self, turn: Turn) -> None:
        assert self.free.wait(PATIENCE_S)
        self.turns.append(turn)


def a_turn(name: str = "agent") -> Turn:
    turn = Turn(name=name, inputs={})
    turn.end()
    return turn


def test_outside_of_a_turn_nothing_happens() -> None:
    assert telemetry.emit(CALL) is False


@pytest.mark.parametrize(
    "event",
    [None, {}, {"type": 3}, {"type": "tool_call"}, {"type": "usage", "input_tokens": 2**60}, {**CALL, "args": "text"}],
)
def test_what_cannot_be_read_is_counted_and_raises_nothing(event: Any, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[Turn] = []
    with telemetry.turn("agent", "hi", to=ended.append):
        assert telemetry.emit(event) is False
        assert telemetry.emit(CALL) is True

    assert (len(ended[0].events), ended[0].dropped) == (1, 1)
    assert "an event of the turn 'agent' is dropped" in caplog.text


def test_an_event_is_what_it_was_when_it_was_told() -> None:
    args = {"sku": "T-1"}
    with telemetry.turn("agent", "hi", to=lambda _: None) as turn:
        telemetry.emit({**CALL, "args": args})
        args["sku"] = "T-2"

    (found,) = turn.events
    assert isinstance(found, telemetry.TimedEvent)
    assert found.event["args"] == {"sku": "T-1"}


def test_a_turn_takes_so_many_events_and_none_after_its_end() -> None:
    with telemetry.turn("agent", "hi", to=lambda _: None) as turn:
        taken = sum(telemetry.emit({"type": "message", "content": "x"}) for _ in range(MOST_EVENTS + 5))
    late = turn.emit(CALL)

    assert (taken, late, turn.dropped, len(turn.events)) == (MOST_EVENTS, False, 6, MOST_EVENTS)


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


def test_what_is_raised_inside_goes_on_and_is_the_turns_error() -> None:
    ended: list[Turn] = []
    with pytest.raises(ValueError, match="no"), telemetry.turn("agent", "hi", to=ended.append):
        raise ValueError("no")

    assert ended[0].error == "ValueError: no"


def test_whoever_gets_turns_cannot_fail_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    def broken(turn: Turn) -> None:
        raise OSError(turn.name)

    with telemetry.turn("agent", "hi", to=broken):
        telemetry.emit(CALL)

    assert "is not reported" in caplog.text


def test_ended_turns_come_to_every_handler_in_order() -> None:
    bus, handler, broken = EventBus(), Handler(), Handler()
    broken.turns = None  # type: ignore[assignment]
    bus.subscribe(broken)
    bus.subscribe(handler)
    for number in range(50):
        bus.publish(a_turn(str(number)))

    assert bus.flush(PATIENCE_S)
    assert [turn.name for turn in handler.turns] == [str(number) for number in range(50)]
    assert (bus.counts.published, bus.counts.handled, bus.counts.dropped, bus.counts.failed) == (50, 50, 0, 50)


def test_a_handler_that_hangs_costs_the_oldest_turns_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    bus, handler = EventBus(capacity=10), Handler(free=False)
    bus.subscribe(handler)
    for number in range(100):
        bus.publish(a_turn(str(number)))
    assert not bus.flush(0.01)

    handler.free.set()

    assert bus.flush(PATIENCE_S)
    assert [turn.name for turn in handler.turns][-10:] == [str(number) for number in range(90, 100)]
    assert bus.counts.handled + bus.counts.dropped == bus.counts.published == 100
    assert "the oldest are dropped" in caplog.text


def test_without_handlers_nothing_is_kept() -> None:
    bus, handler = EventBus(), Handler()
    bus.subscribe(handler)
    bus.unsubscribe(handler)
    bus.publish(a_turn())

    assert bus.flush(PATIENCE_S)
    assert (handler.turns, bus.counts.published) == ([], 0)
