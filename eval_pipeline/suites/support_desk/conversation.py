"""A conversation as the offline model reads it: messages of the user, and results of tools."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """A tool call and its result; `value` is the parsed JSON, or None if the tool reported an error."""

    name: str
    args: dict[str, Any]
    text: str
    value: Any


@dataclass(kw_only=True)
class Conversation:
    """The conversation so far."""

    instructions: str = ""
    user_messages: list[str] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The last message of the user."""
        return self.user_messages[-1] if self.user_messages else ""

    def called(self, name: str, args: dict[str, Any]) -> bool:
        """Whether the tool was called with these arguments."""
        return any(result.name == name and result.args == args for result in self.results)

    def latest(self, name: str, **args: Any) -> ToolResult | None:
        """The latest result of a tool whose call had these arguments."""
        newest_first = (result for result in reversed(self.results) if result.name == name)
        return next((result for result in newest_first if args.items() <= result.args.items()), None)

    def value(self, name: str, **args: Any) -> Any:
        """The value of `latest`, or None."""
        result = self.latest(name, **args)
        return result.value if result else None


def read_conversation(messages: Sequence[BaseMessage]) -> Conversation:
    """The conversation in `messages`."""
    conversation = Conversation()
    calls: dict[str, tuple[str, dict[str, Any]]] = {}
    for message in messages:
        if isinstance(message, SystemMessage):
            conversation.instructions += message.text
        elif isinstance(message, HumanMessage):
            conversation.user_messages.append(message.text)
        elif isinstance(message, AIMessage):
            calls |= {call["id"] or "": (call["name"], call["args"]) for call in message.tool_calls}
        elif isinstance(message, ToolMessage):
            name, args = calls.get(message.tool_call_id, (message.name or "", {}))
            result = ToolResult(name=name, args=args, text=message.text, value=_parsed(message.text))
            conversation.results.append(result)
    return conversation


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None
