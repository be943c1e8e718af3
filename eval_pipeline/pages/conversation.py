"""Read the messages in inputs and outputs, each tool call with its result, whatever library wrote them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.pages.values import parsed

_ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "agent",
    "ai": "agent",
    "model": "agent",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "chat",
}
_SIDES = {"user": "user", "agent": "agent"}
_CLASS_SUFFIXES = ("MessageChunk", "Message")
_DEEPEST = 4


class NoResult:
    """The result of a call that has none."""


NO_RESULT = NoResult()


@dataclass(kw_only=True)
class ToolCall:
    """A tool call, with its result if there is one."""

    name: str
    arguments: Any
    id: str | None = None
    result: Any = NO_RESULT
    failed: bool = False

    @property
    def has_result(self) -> bool:
        """Whether the tool returned."""
        return not isinstance(self.result, NoResult)


@dataclass(kw_only=True)
class ShownMessage:
    """A message as pages show it."""

    role: str
    """`user`, `agent`, `system`, `tool`, or another role as it is named."""
    name: str | None = None
    """Of the tool or the agent that wrote it."""
    blocks: list[Any] = field(default_factory=list)
    """Its content: texts, images, and other values."""
    calls: list[ToolCall] = field(default_factory=list)
    call_id: str | None = None
    """Of the call that it is the result of."""
    failed: bool = False

    @property
    def side(self) -> str:
        """`user`, `agent` or `other`: where it stands."""
        return _SIDES.get(self.role, "other")

    @property
    def text(self) -> str:
        """Its texts."""
        return "\n".join(block for block in self.blocks if isinstance(block, str))


def messages_in(value: Any) -> list[ShownMessage]:
    """The messages that an input or output holds, with results at their calls; empty where it holds none."""
    return with_results(_messages(value, _DEEPEST) or [])


def messages_alone(value: Any) -> list[ShownMessage]:
    """As `messages_in`, for a value that holds nothing else; empty for one with other fields, which would be lost."""
    if isinstance(value, Mapping) and _message(value) is None:
        others = {key: item for key, item in value.items() if item and key != "messages"}
        # Inputs of cases name the first message twice.
        if others and others != {"input": next(iter(value.get("messages") or ()), None)}:
            return []
    return messages_in(value)


def conversation(inputs: Any, outputs: Any) -> list[ShownMessage]:
    """The messages of a run: those of its outputs, after those of its inputs that the outputs do not repeat.

    Empty where neither holds any.
    """
    before, after = _messages(inputs, _DEEPEST) or [], _messages(outputs, _DEEPEST) or []
    return with_results(after if _repeats(after, before) else [*before, *after])


def _repeats(after: Sequence[ShownMessage], before: Sequence[ShownMessage]) -> bool:
    """Whether `after` has the messages of `before`, in their order, with others between them."""
    rest = iter([(message.role, message.text) for message in after])
    return all((message.role, message.text) in rest for message in before)


def last_text(value: Any, *, of: str) -> str | None:
    """The last text that `of` wrote in an input or output; None where it holds no such message."""
    for message in reversed(messages_in(value)):
        if message.role == of and message.text.strip():
            return message.text
    return None


def with_results(messages: Iterable[ShownMessage]) -> list[ShownMessage]:
    """The messages, where results of tools stand at the calls they answer."""
    shown, open_calls = list[ShownMessage](), dict[str, ToolCall]()
    for message in messages:
        call = open_calls.pop(message.call_id, None) if message.call_id is not None else None
        if call is not None:
            call.result = message.blocks[0] if len(message.blocks) == 1 else message.blocks
            call.failed = message.failed
            continue
        open_calls.update({each.id: each for each in message.calls if each.id is not None and not each.has_result})
        if message.blocks or message.calls:
            shown.append(message)
    return shown


def _messages(value: Any, depth: int) -> list[ShownMessage] | None:
    if depth == 0:
        return None
    message = _message(value)
    if message is not None:
        return [message]
    if isinstance(value, Mapping):
        for name in ("messages", "generations", "choices", "message"):
            if value.get(name):
                return _listed(value[name], depth - 1, texts=name == "messages")
        return None
    return _listed(value, depth - 1, texts=False) if isinstance(value, list) else None


def _listed(value: Any, depth: int, *, texts: bool) -> list[ShownMessage] | None:
    """The messages of a list, all of whose items are messages; with `texts` a text is one of the user."""
    items = value if isinstance(value, list) else [value]
    listed = list[ShownMessage]()
    for item in items:
        if isinstance(item, str) and texts:
            listed.append(ShownMessage(role="user", blocks=[item]))
            continue
        within = _messages(item, depth)
        if within is None:
            return None
        listed.extend(within)
    return listed or None


def _message(value: Any) -> ShownMessage | None:
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(part, str) for part in value):  # noqa: PLR2004
        return ShownMessage(role=_ROLES[value[0]], blocks=[value[1]]) if value[0] in _ROLES else None
    if not isinstance(value, Mapping):
        return None
    if value.get("lc") == 1 and isinstance(value.get("kwargs"), Mapping):
        kind, fields = _kind((value.get("id") or [""])[-1]), value["kwargs"]
    elif isinstance(value.get("data"), Mapping):
        kind, fields = _kind(value.get("type")), value["data"]
    else:
        kind, fields = _kind(value.get("type")), value
    role = fields.get("role") or (kind if kind in _ROLES else None)
    if not isinstance(role, str) or not ("content" in fields or fields.get("tool_calls")):
        return None
    return _of_fields(fields, role)


def _kind(name: object) -> str:
    """`human` for `human`, `HumanMessage` and `HumanMessageChunk`."""
    kind = str(name)
    for suffix in _CLASS_SUFFIXES:
        kind = kind.removesuffix(suffix)
    return kind.lower()


def _of_fields(value: Mapping[str, Any], role: str) -> ShownMessage:
    message = ShownMessage(
        role=_ROLES.get(role, role),
        name=value.get("name") if isinstance(value.get("name"), str) else None,
        call_id=value.get("tool_call_id"),
        failed=value.get("status") == "error",
    )
    additional = value.get("additional_kwargs")
    calls = value.get("tool_calls") or (additional.get("tool_calls") if isinstance(additional, Mapping) else None)
    message.calls = [_call(call) for call in calls or () if isinstance(call, Mapping)]
    _read_content(value.get("content"), message)
    return message


def _read_content(content: Any, message: ShownMessage) -> None:
    for block in content if isinstance(content, list) else [content]:
        kind = block.get("type") if isinstance(block, Mapping) else None
        if block in (None, "", {}):
            continue
        if kind == "text" and isinstance(block.get("text"), str):
            message.blocks.append(block["text"])
        elif kind in ("tool_use", "tool_call", "function_call"):
            call = _call(block)
            if call.id is None or call.id not in {other.id for other in message.calls}:
                message.calls.append(call)
        elif kind == "tool_result":
            message.blocks.append({"tool_result": block.get("content")})
        else:
            message.blocks.append(block)


def _call(value: Mapping[str, Any]) -> ToolCall:
    within = value.get("function")
    named: Mapping[str, Any] = within if isinstance(within, Mapping) else value
    arguments: Any = next((named[name] for name in ("args", "arguments", "input") if named.get(name) is not None), {})
    identity = value.get("id") or value.get("call_id")
    return ToolCall(
        name=str(named.get("name") or "tool"),
        arguments=parsed(arguments),
        id=None if identity is None else str(identity),
    )


def of_turns(turns: Sequence[Mapping[str, Any]]) -> list[ShownMessage]:
    """The messages of recorded turns: the input, the tool calls and other events, the answer.

    A turn has `input` and `response`, or `inputs` and `outputs` where these are more than text, `events` and `state`.
    """
    shown = list[ShownMessage]()
    for turn in turns:
        whole = turn.get("inputs")
        asked = messages_in(whole) if whole is not None else []
        block = turn.get("input") if whole is None else whole
        shown.extend(asked or ([ShownMessage(role="user", blocks=[block])] if block else []))
        shown.extend(_of_events(turn.get("events") or ()))
        answer = ShownMessage(role="agent", blocks=[turn["response"]] if turn.get("response") else [])
        if turn.get("outputs") is not None:
            answer.blocks.append({"outputs": turn["outputs"]})
        if answer.blocks:
            shown.append(answer)
        if turn.get("state") is not None:
            shown.append(ShownMessage(role="state", blocks=[{"state": turn["state"]}]))
    return shown


def _of_events(events: Iterable[Mapping[str, Any]]) -> Iterable[ShownMessage]:
    waiting = list[ToolCall]()
    for event in events:
        kind, name = event.get("type"), str(event.get("name") or "")
        content = next((event[key] for key in ("content", "data") if event.get(key) is not None), "")
        if kind == "tool_call":
            call = ToolCall(name=name or "tool", arguments=parsed(event.get("args") or {}), id=event.get("id"))
            waiting.append(call)
            yield ShownMessage(role="agent", calls=[call])
        elif kind == "tool_result":
            match = next((call for call in waiting if _answers(event, call)), None)
            if match is None:
                yield ShownMessage(role="tool", name=name or None, blocks=[content])
            else:
                waiting.remove(match)
                match.result = content
        else:
            yield ShownMessage(role=str(kind), name=name or None, blocks=[content] if content else [name or str(kind)])


def _answers(event: Mapping[str, Any], call: ToolCall) -> bool:
    if event.get("id") is not None and call.id is not None:
        return bool(event["id"] == call.id)
    return event.get("name") in (None, call.name)
