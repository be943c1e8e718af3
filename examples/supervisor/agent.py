"""A supervisor that hands tasks to two agents and gets them back, over several turns."""

from collections.abc import Sequence
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState
from langgraph.types import Command

from eval_pipeline.testing import ScriptedModel


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


@tool
def web_search(query: str) -> str:
    """Look something up."""
    return f"{query}: 1200 people"


def handoff_to(agent: str) -> BaseTool:
    """A tool with which the supervisor hands over."""
    name = f"transfer_to_{agent}"

    @tool(name, description=f"Hand the task over to {agent}.")
    def hand_over(
        state: Annotated[Any, InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        done = ToolMessage(f"Transferred to {agent}", name=name, tool_call_id=tool_call_id)
        return Command(goto=agent, graph=Command.PARENT, update={"messages": [*state["messages"], done]})

    return hand_over


def _last_task(messages: Sequence[BaseMessage]) -> str:
    return str(next(message.content for message in reversed(messages) if isinstance(message, HumanMessage)))


def supervise(messages: Sequence[BaseMessage]) -> AIMessage | str:
    """Hand over once in a turn, then report the agent's answer."""
    since = next(index for index in range(len(messages), 0, -1) if isinstance(messages[index - 1], HumanMessage))
    answers = [message for message in messages[since:] if isinstance(message, AIMessage) and message.content]
    if answers:
        return f"Result: {answers[-1].content}"
    agent = "math_expert" if "+" in _last_task(messages) else "researcher"
    return ScriptedModel.call(f"transfer_to_{agent}")


def calculate(messages: Sequence[BaseMessage]) -> AIMessage | str:
    """Add, then say the sum."""
    if isinstance(messages[-1], ToolMessage) and messages[-1].name == "add":
        return f"the sum is {messages[-1].content}"
    a, b = _last_task(messages).split("+")
    return ScriptedModel.call("add", a=float(a), b=float(b))


def research(messages: Sequence[BaseMessage]) -> AIMessage | str:
    """Search, then say what was there."""
    if isinstance(messages[-1], ToolMessage) and messages[-1].name == "web_search":
        return f"found {messages[-1].content}"
    return ScriptedModel.call("web_search", query=_last_task(messages))


math_expert = create_agent(ScriptedModel(rule=calculate), [add], name="math_expert")
researcher = create_agent(ScriptedModel(rule=research), [web_search], name="researcher")
supervisor = create_agent(
    ScriptedModel(rule=supervise), [handoff_to("math_expert"), handoff_to("researcher")], name="supervisor"
)

builder = StateGraph(MessagesState)
builder.add_node("supervisor", supervisor, destinations=("math_expert", "researcher"))
builder.add_node("math_expert", math_expert)
builder.add_node("researcher", researcher)
builder.add_edge(START, "supervisor")
builder.add_edge("math_expert", "supervisor")
builder.add_edge("researcher", "supervisor")
graph = builder  # `langgraph dev` compiles it, and so does the suite
