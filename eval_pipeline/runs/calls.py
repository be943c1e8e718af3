"""The calls of tools and the handoffs that runs show."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from eval_pipeline.errors import InputError
from eval_pipeline.messages import Message, ToolResult, messages_in, read_messages
from eval_pipeline.messages.content import result_text
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import HANDOFF
from eval_pipeline.telemetry.event import Event

_ASKED_A_HUMAN = "GraphInterrupt("
"""How the error of a tool begins that asked a human; when it is resumed, it has another run."""
_AGENTS_SDK = "openai_span_id"
"""Metadata of the runs of the OpenAI Agents SDK, whose tools all have runs."""
_GUARDRAIL = "triggered"
"""Metadata of its guardrails, whose runs have the type of a tool's."""


@dataclass(frozen=True, kw_only=True)
class RunCall:
    """A call of a tool, as the runs of a turn show it."""

    name: str
    args: Mapping[str, Any]
    id: str | None
    start: dt.datetime
    end: dt.datetime | None = None
    result: str | None = None
    """None if it has none."""
    failed: bool = False

    @property
    def call(self) -> Event:
        """The call as an event."""
        return {"type": "tool_call", "name": self.name, "args": self.args, "id": self.id}

    @property
    def returned(self) -> Event:
        """The result as an event."""
        event = {"type": "tool_result", "name": self.name, "id": self.id, "content": self.result or ""}
        return {**event, "error": True} if self.failed else event


def executed_calls(runs: Sequence[CollectedRun]) -> list[RunCall]:
    """The tools that ran, in the order in which they began."""
    by_id = {run.id: run for run in runs}
    calls: dict[tuple[str, str], RunCall] = {}
    for run in sorted((run for run in runs if run.run_type == "tool"), key=_start):
        metadata = run.extra.get("metadata") or {}
        if str(run.error or "").startswith(_ASKED_A_HUMAN) or (_AGENTS_SDK in metadata and _GUARDRAIL in metadata):
            continue
        if _repeats(run, by_id):
            continue
        call = _executed(run)
        calls[call.id or run.id, call.name] = call  # of one that was tried again, the last run counts
    return sorted(calls.values(), key=lambda call: call.start)


def requested_calls(runs: Sequence[CollectedRun]) -> list[RunCall]:
    """The calls that models requested through wrapped clients, whose tools may be functions without runs.

    LangChain and the OpenAI Agents SDK run tools with runs: what their models request and no run shows did not happen.
    """
    models = sorted((run for run in runs if run.run_type == "llm"), key=_start)
    wrapped = [run for run in models if _is_wrapped(run)]
    results: dict[str | None, ToolResult] = {}
    for run in wrapped:
        results |= {message.result.id: message.result for message in _messages(run.inputs) if message.result}
    calls: list[RunCall] = []
    for run in wrapped:
        for message in _messages(run.outputs):
            for call in message.calls:
                result = results.get(call.id) if call.id is not None else None
                calls.append(
                    RunCall(
                        name=call.name,
                        args=call.args,
                        id=call.id,
                        start=_end(run) or _start(run),
                        result=None if result is None else result.content,
                        failed=result is not None and result.failed,
                    )
                )
    return calls


def reported_handoffs(runs: Sequence[CollectedRun]) -> Iterator[tuple[dt.datetime, Event]]:
    """The handoffs among runs of the OpenAI Agents SDK, each with its time."""
    for run in runs:
        if run.name == HANDOFF and _AGENTS_SDK in (run.extra.get("metadata") or {}):
            inputs = _loaded(run.inputs)
            if isinstance(inputs, Mapping) and inputs.get("to_agent"):
                yield _start(run), {"type": "handoff", "from": inputs.get("from_agent"), "to": inputs["to_agent"]}


def are_langchains(runs: Sequence[CollectedRun]) -> bool:
    """Whether LangChain or the OpenAI Agents SDK ran a tool, so that all of their tools have runs."""
    return any(run.run_type == "tool" and ("tool_call_id" in run.extra or _of_agents_sdk(run)) for run in runs)


def _of_agents_sdk(run: CollectedRun) -> bool:
    return _AGENTS_SDK in (run.extra.get("metadata") or {})


def _is_wrapped(run: CollectedRun) -> bool:
    metadata = run.extra.get("metadata") or {}
    return metadata.get("ls_method") == "traceable" and _AGENTS_SDK not in metadata


def _repeats(run: CollectedRun, by_id: Mapping[str, CollectedRun]) -> bool:
    """Whether the tool's function, traced itself, is inside the tool's own run."""
    parent = by_id.get(run.parent_ids[-1]) if run.parent_ids else None
    return parent is not None and parent.run_type == "tool" and parent.name == run.name


def _executed(run: CollectedRun) -> RunCall:
    inputs = _loaded(run.inputs)
    args = inputs if isinstance(inputs, Mapping) else {"input": inputs}
    result, failed, answered_id = None, bool(run.error), None
    if run.outputs is not None:
        result, reported_error, answered_id = _result_of(_loaded(run.outputs))
        failed = failed or reported_error
    elif run.error:
        result = str(run.error).splitlines()[0]
    call_id = run.extra.get("tool_call_id") or answered_id
    return RunCall(
        name=run.name,
        args=args,
        id=None if call_id is None else str(call_id),
        start=_start(run),
        end=_end(run),
        result=result,
        failed=failed,
    )


def _result_of(outputs: Any) -> tuple[str, bool, str | None]:
    """The text of a tool's outputs, whether it is an error, and the id of the call that it answers."""
    value = outputs["output"] if isinstance(outputs, Mapping) and set(outputs) == {"output"} else outputs
    if isinstance(value, Mapping) and isinstance(update := value.get("update"), Mapping):  # a command
        value = next((item for item in update.get("messages") or () if _is_result(item)), value)
    if _is_result(value):
        (message,) = read_messages([value])[:1]
        assert message.result is not None
        return message.result.content, message.result.failed, message.result.id
    return result_text(value), False, None


def _is_result(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "tool" and "tool_call_id" in value


def _messages(data: bytes | None) -> list[Message]:
    """The messages in the inputs or outputs of a model's run; none where they have another form."""
    loaded = None if data is None else _loaded(data)
    values = [loaded]
    if isinstance(loaded, Mapping):
        values += [loaded[name] for name in ("messages", "output", "input", "contents") if name in loaded]
    for value in values:
        try:
            messages = messages_in({"object": "response", "output": value} if _is_output(value) else value)
        except InputError:
            continue
        if messages is not None:
            return messages
    return []


def _is_output(value: Any) -> bool:
    """Whether `value` is the output of OpenAI's responses API."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) and "type" in item for item in value)
    )


def _loaded(data: bytes) -> Any:
    return orjson.loads(data)


def _start(run: CollectedRun) -> dt.datetime:
    return _moment(run.start_time) or dt.datetime.now(tz=dt.UTC)


def _end(run: CollectedRun) -> dt.datetime | None:
    return _moment(run.end_time)


def _moment(value: Any) -> dt.datetime | None:
    """A time of a run; those of the SDK are in UTC and may not say so."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, dt.datetime):
        return None
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value
