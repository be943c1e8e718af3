"""A chat message, whatever its provider: role, content, tool calls, the result of a tool, refusal, reasoning, usage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eval_pipeline.telemetry.event import Event

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call that a model requested; `args` are `{unparsed: text}` where what it wrote is no JSON object."""

    name: str
    args: Mapping[str, Any]
    id: str | None = None
    valid: bool = True
    """Whether the model wrote arguments that can be read."""


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a tool returned; `failed` if it reported an error."""

    content: str
    id: str | None = None
    name: str | None = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: Any = ""
    """Text, or the provider's content blocks, unchanged."""
    text: str = ""
    """The text of `content`."""
    refusal: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    result: ToolResult | None = None
    """Of the role `tool`."""
    usage: Event | None = field(default=None, compare=False)
    id: str | None = None
    name: str | None = None

    @property
    def readable(self) -> str:
        """What a person reads: the text, and a refusal after it."""
        return "\n".join(part for part in (self.text, self.refusal) if part)
