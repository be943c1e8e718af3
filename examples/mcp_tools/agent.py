"""An agent whose tools are those of an MCP server, opened for each attempt and closed at its end."""

import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

from eval_pipeline.testing import ScriptedModel


def rule(messages: Sequence[BaseMessage]) -> AIMessage | str:
    """Ask for a price, then say it."""
    if isinstance(messages[-1], ToolMessage):
        content = messages[-1].content
        text = content if isinstance(content, str) else content[0]["text"]  # type: ignore[index]
        return f"It costs {text}."
    return ScriptedModel.call("price", product=str(messages[-1].content).split()[-1])


@contextlib.asynccontextmanager
async def make_graph() -> AsyncIterator[Any]:
    """The agent, while the server's session is open."""
    server = str(Path(__file__).with_name("prices_server.py"))
    client = MultiServerMCPClient({"prices": {"command": sys.executable, "args": [server], "transport": "stdio"}})
    async with client.session("prices") as session:
        yield create_agent(ScriptedModel(rule=rule), await load_mcp_tools(session))
