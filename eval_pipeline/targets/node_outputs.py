"""What nodes and tools of a graph return: messages, and commands to go to other nodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.graph import END
from langgraph.types import Command, Send


def has_command(output: Any) -> bool:
    """Whether a node or a tool returned a command."""
    return any(isinstance(item, Command) for item in (output if isinstance(output, list | tuple) else [output]))


def goes_to(command: Command[Any]) -> list[str]:
    """The nodes that a command goes to."""
    going: Sequence[Any] = [command.goto] if isinstance(command.goto, str | Send) else command.goto
    names = [target.node if isinstance(target, Send) else str(target) for target in going]
    return [name for name in names if name and name != END]


def messages_of_output(output: Any) -> list[BaseMessage]:
    """The messages that a node or a tool returned."""
    if isinstance(output, Command):
        output = output.update
    if isinstance(output, Mapping):
        output = output.get("messages")
    items = output if isinstance(output, list | tuple) else [output]
    return [message for message in items if isinstance(message, BaseMessage)]


def are_results(messages: Sequence[BaseMessage]) -> bool:
    """Whether these are results of tools, and nothing else."""
    return bool(messages) and all(isinstance(message, ToolMessage) for message in messages)
