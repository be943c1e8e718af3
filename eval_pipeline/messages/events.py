"""Messages as the answer of an agent and the events that led to it."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from eval_pipeline.messages.message import Message
from eval_pipeline.messages.reading import read_messages
from eval_pipeline.telemetry.event import Event


def answer_of(messages: Iterable[Message]) -> tuple[str, list[Event]]:
    """What a person reads of the agent that answers, and the events of all messages in order.

    The answer is the text at the end that is of one agent (by the name of its messages), each message on a line of its
    own. What other agents said before is no part of it.
    """
    texts: list[tuple[str | None, str]] = []
    events: list[Event] = []
    names: dict[str | None, str] = {}
    for message in messages:
        names |= {call.id: call.name for call in message.calls}
        text, of_message = events_of_message(message, names)
        texts += [(message.name, text)] if text else []
        events += of_message
    return _last_speech(texts), events


def _last_speech(texts: Sequence[tuple[str | None, str]]) -> str:
    own = itertools.takewhile(lambda pair: pair[0] == texts[-1][0], reversed(texts))
    return "\n".join(reversed([text for _, text in own]))


def events_of_message(message: Message, names: dict[str | None, str] | None = None) -> tuple[str, list[Event]]:
    """The text of a message that a person reads, and its events.

    Args:
        message: of the agent or of a tool; others have none.
        names: of tools by the ids of their calls, for results that do not name theirs.
    """
    if message.result is not None:
        result = message.result
        event = {
            "type": "tool_result",
            "name": result.name or (names or {}).get(result.id),
            "id": result.id,
            "content": result.content,
        }
        return "", [{**event, "error": True} if result.failed else event]
    if message.role != "assistant":
        return "", []
    text, events = message.readable, list[Event]()
    if message.reasoning:
        events.append({"type": "reasoning", "content": message.reasoning})
    if text and message.calls:  # beside calls of tools, which a person never sees
        events.append({"type": "message", "content": text})
        text = ""
    events += [{"type": "tool_call", "name": call.name, "args": call.args, "id": call.id} for call in message.calls]
    if message.usage is not None:
        events.append(message.usage)
    return text, events


def after_last_user(messages: Sequence[Any]) -> list[Any]:
    """The messages, of any form, after the user's last one."""
    for index in range(len(messages) - 1, -1, -1):
        if any(message.role == "user" for message in read_messages([messages[index]])):
            return list(messages[index + 1 :])
    return list(messages)
