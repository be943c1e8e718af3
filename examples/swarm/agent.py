"""A swarm: agents hand over to each other, and the one that is active answers the next turn."""

from collections.abc import Sequence
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState
from langgraph.types import Command

from eval_pipeline.testing import ScriptedModel


class SwarmState(MessagesState):
    """The messages, and who is active."""

    active_agent: str


def handoff_to(agent: str) -> BaseTool:
    """A tool with which an agent hands over."""
    name = f"transfer_to_{agent}"

    @tool(name, description=f"Ask {agent} for help.")
    def hand_over(
        state: Annotated[Any, InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        done = ToolMessage(f"Transferred to {agent}", name=name, tool_call_id=tool_call_id)
        update = {"messages": [*state["messages"], done], "active_agent": agent}
        return Command(goto=agent, graph=Command.PARENT, update=update)

    return hand_over


def agent_named(name: str, other: str, keyword: str) -> Any:
    """An agent that hands over when it reads the keyword."""

    def rule(messages: Sequence[BaseMessage]) -> AIMessage | str:
        asked = next(str(message.content) for message in reversed(messages) if isinstance(message, HumanMessage))
        handed_over = isinstance(messages[-1], ToolMessage)
        return (
            ScriptedModel.call(f"transfer_to_{other}") if keyword in asked and not handed_over else f"{name}: {asked}"
        )

    return create_agent(ScriptedModel(rule=rule), [handoff_to(other)], name=name)


def active(state: SwarmState) -> str:
    """Who answers: the one that was active, or Alice."""
    return state.get("active_agent", "alice")


builder = StateGraph(SwarmState)
builder.add_node("alice", agent_named("alice", "bob", "pirate"), destinations=("bob",))
builder.add_node("bob", agent_named("bob", "alice", "sum"), destinations=("alice",))
builder.add_conditional_edges(START, active, ["alice", "bob"])
app = builder.compile()
