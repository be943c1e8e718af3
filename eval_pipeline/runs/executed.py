"""The events of a turn, corrected by the runs that were made in it.

Messages show what a model requested, runs show what happened: a call that a human edited ran with other arguments, one
that was refused did not run, and a tool that a sub-graph called stands in no message of the final state.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.messages.content import result_text
from eval_pipeline.runs.calls import RunCall, are_langchains, executed_calls, reported_handoffs, requested_calls
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.telemetry.event import Event

_STRUCTURED = "Returning structured response"
"""How LangChain begins the result of the call in which a model wrote a structured answer; no tool ran."""
TimedEvents = Sequence[tuple[dt.datetime, Event]]


@dataclass(kw_only=True)
class _Placed:
    """An event in its place, with its time if that is known."""

    event: Event
    time: dt.datetime | None = None


def as_executed(
    events: Sequence[Event], runs: Sequence[CollectedRun], *, reported: TimedEvents, emitted: Sequence[Event] = ()
) -> list[Event]:
    """The events of a turn, with the calls as they were executed.

    Args:
        events: of the reply, in order.
        runs: that were made in the turn; without any, the events stay as they are.
        reported: events that were reported while the turn ran, each with its time.
        emitted: those that the agent reported itself, which are never left out.
    """
    executed = executed_calls(runs)
    reused = _reused_ids(executed)
    placed = [_Placed(event=event, time=_time_of(event, reported, reused)) for event in events]
    for time, event in reported:
        if not any(_same(event, each.event, reused) for each in placed):
            _insert(placed, [event], time)
    if not runs:
        return [each.event for each in placed]
    matched = _matched(placed, executed)
    placed = _without_unexecuted(placed, matched, runs, emitted)
    _correct(placed, matched)
    shown = {id(call) for call in matched.values()}
    for call in executed:
        if id(call) not in shown:
            is_shown = any(
                each.event["type"] == "tool_result" and _same(call.returned, each.event, reused) for each in placed
            )
            _insert(placed, [call.call, *([] if call.result is None or is_shown else [call.returned])], call.start)
    for call in _not_shown(requested_calls(runs), placed):
        _insert(placed, [call.call, *([] if call.result is None else [call.returned])], call.start)
    for time, event in reported_handoffs(runs):
        if not any(each.event == event for each in placed):
            _insert(placed, [event], time)
    return [each.event for each in placed]


def _reused_ids(executed: Sequence[RunCall]) -> frozenset[str]:
    """The ids that calls of several tools have, such as those of agents that count their calls from one."""
    names: dict[str, set[str]] = {}
    for call in executed:
        if call.id is not None:
            names.setdefault(call.id, set()).add(call.name)
    return frozenset(call_id for call_id, of_id in names.items() if len(of_id) > 1)


def _time_of(event: Event, reported: TimedEvents, reused: frozenset[str]) -> dt.datetime | None:
    return next((time for time, other in reported if _same(event, other, reused)), None)


def _same(event: Event, other: Event, reused: frozenset[str]) -> bool:
    """Whether two reports are of one event: a call or a result has an id, whatever else was changed meanwhile."""
    if event["type"] != other["type"]:
        return False
    if event["type"] in ("tool_call", "tool_result") and event.get("id") and other.get("id"):
        same_name = event["id"] not in reused or event.get("name") == other.get("name")
        return bool(event["id"] == other["id"]) and same_name
    return event == other


def _insert(placed: list[_Placed], events: Sequence[Event], time: dt.datetime) -> None:
    """Insert events after the last one that is not later; before the first later one, or else at the end."""
    place = len(placed)
    for index in range(len(placed) - 1, -1, -1):
        at = placed[index].time
        if at is not None and at <= time:
            place = index + 1
            break
        if at is not None:
            place = index
    placed[place:place] = [_Placed(event=event, time=time) for event in events]


# -- calls of messages and of runs


def _matched(placed: Sequence[_Placed], executed: Sequence[RunCall]) -> dict[int, RunCall]:
    """The executed call of each reported one, by the identity of its event: by id, by arguments, by name alone.

    An id and a name go before an id alone, because a human may have put another tool in the place of the one that was
    called, and because ids are reused.
    """
    calls = [each.event for each in placed if each.event["type"] == "tool_call"]
    left = list(executed)
    matched: dict[int, RunCall] = {}
    for same in (_same_id_and_name, _same_id, _same_args, _same_name):
        for event in calls:
            if id(event) in matched:
                continue
            call = next((call for call in left if same(event, call)), None)
            if call is not None:
                matched[id(event)] = call
                left.remove(call)
    return matched


def _same_id(event: Event, call: RunCall) -> bool:
    return call.id is not None and call.id == event.get("id")


def _same_id_and_name(event: Event, call: RunCall) -> bool:
    return _same_id(event, call) and call.name == event["name"]


def _same_name(event: Event, call: RunCall) -> bool:
    # Two ids are those of two calls.
    return call.name == event["name"] and (call.id is None or event.get("id") is None)


def _same_args(event: Event, call: RunCall) -> bool:
    return _same_name(event, call) and dict(event["args"]) == dict(call.args)


def _without_unexecuted(
    placed: Sequence[_Placed], matched: Mapping[int, RunCall], runs: Sequence[CollectedRun], emitted: Sequence[Event]
) -> list[_Placed]:
    """Without the calls that no run shows although it would, and without their results."""
    own = {id(event) for event in emitted}
    with_runs = {call.name for call in matched.values()} | {run.name for run in runs if run.run_type == "tool"}
    all_have_runs = are_langchains(runs)
    results = {each.event.get("id"): each.event for each in placed if each.event["type"] == "tool_result"}
    left_out: set[Any] = set()
    for each in placed:
        event = each.event
        if event["type"] != "tool_call" or id(event) in matched or id(event) in own or "unparsed" in event["args"]:
            continue
        result = results.get(event.get("id"))
        content = "" if result is None else result_text(result.get("content"))
        has_run = event["name"] in with_runs
        unanswered = all_have_runs and (result is None or bool(result.get("error")))
        if has_run or unanswered or content.startswith(_STRUCTURED):
            left_out.add(event.get("id"))
    if not left_out:
        return list(placed)
    return [
        each
        for each in placed
        if each.event["type"] not in ("tool_call", "tool_result")
        or each.event.get("id") not in left_out
        or id(each.event) in matched
        or id(each.event) in own
    ]


def _correct(placed: list[_Placed], matched: Mapping[int, RunCall]) -> None:
    """Give the calls their executed arguments, order and results."""
    indexes = [index for index, each in enumerate(placed) if id(each.event) in matched]
    ordered = sorted(((matched[id(placed[index].event)], placed[index].event) for index in indexes), key=_began)
    ended: list[tuple[RunCall, Event]] = []
    for index, (call, event) in zip(indexes, ordered, strict=True):
        corrected = {**event, "name": call.name, "args": call.args}
        placed[index] = _Placed(event=event if corrected == event else corrected, time=call.start)
        ended.append((call, placed[index].event))
    results = [each for each in placed if each.event["type"] == "tool_result"]
    for call, event in ended:
        of_name = [each for each in results if each.event.get("name") in (None, event["name"])]
        of_call = next((each for each in of_name if each.event.get("id") == event.get("id")), None)
        if event.get("id") is None:
            of_call = next(iter(of_name), None)
        elif of_call is None:
            of_call = next((each for each in results if each.event.get("id") == event["id"]), None)
        if of_call is not None:
            results.remove(of_call)
            if call.failed and not of_call.event.get("error"):
                of_call.event = {**of_call.event, "error": True}
        elif call.result is not None:
            place = next(index for index, each in enumerate(placed) if each.event is event)
            returned = {**call.returned, "id": event.get("id")}
            _insert_result(placed, place, _Placed(event=returned, time=call.end or call.start))


def _began(pair: tuple[RunCall, Event]) -> dt.datetime:
    return pair[0].start


def _insert_result(placed: list[_Placed], place: int, result: _Placed) -> None:
    """After its call, and after the calls that began before it ended."""
    assert result.time is not None
    place += 1
    while place < len(placed) and placed[place].event["type"] == "tool_call":
        began = placed[place].time
        if began is None or began >= result.time:
            break
        place += 1
    placed.insert(place, result)


def _not_shown(requested: Sequence[RunCall], placed: Sequence[_Placed]) -> list[RunCall]:
    """The requested calls that no event shows yet: by id, or else one event for one call of the same name."""
    events = [each.event for each in placed if each.event["type"] == "tool_call"]
    missing: list[RunCall] = []
    for call in requested:
        event = next((event for event in events if _same_id(event, call)), None)
        if event is None:
            alike = [event for event in events if event["name"] == call.name]
            event = next((event for event in alike if dict(event["args"]) == dict(call.args)), None)
            event = event or next((event for event in alike if event.get("id") is None), None)
        if event is None:
            missing.append(call)
        else:
            events.remove(event)
    return missing
