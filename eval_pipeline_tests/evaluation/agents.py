"""Graphs of several agents, that hand off in every way LangGraph knows, ask humans, and stream."""

import json
from typing import Annotated, Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt


def says(text: str, **fields: Any) -> Any:
    """A node that says something."""
    return lambda _: {"messages": [AIMessage(text, **fields)]}


@tool
def transfer_to_bob(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
    """Hand over to Bob."""
    handed_over = ToolMessage("handed over", tool_call_id=tool_call_id, name="transfer_to_bob")
    return Command(goto="bob", graph=Command.PARENT, update={"messages": [handed_over]})


@tool
def price(product: str) -> str:
    """The price of something."""
    return f"{product}: 4.20"


def an_agent(tools: list[Any], call: str, **args: Any) -> Any:
    """A sub-graph that calls one tool, and says so if it is still there afterwards."""
    calling = {"name": call, "args": args, "id": f"call_{call}"}
    builder = StateGraph(MessagesState)
    builder.add_node("model", says("", tool_calls=[calling]))
    builder.add_node("tools", ToolNode(tools))
    builder.add_node("answer", says(f"{call} was called"))
    builder.add_edge(START, "model")
    builder.add_edge("model", "tools")
    builder.add_edge("tools", "answer")
    return builder.compile()


def bob_agent() -> Any:
    """A sub-graph that says one thing."""
    builder = StateGraph(MessagesState)
    builder.add_node("say", says("Bob here"))
    builder.add_edge(START, "say")
    return builder.compile()


def by_tool() -> Any:
    """Alice hands over to Bob with a tool, as langgraph-swarm's agents do."""
    builder = StateGraph(MessagesState)
    builder.add_node("alice", an_agent([transfer_to_bob], "transfer_to_bob"), destinations=("bob",))
    builder.add_node("bob", bob_agent())
    builder.add_edge(START, "alice")
    return builder.compile()


def by_command() -> Any:
    """A plain node goes to another with a command."""
    builder = StateGraph(MessagesState)
    builder.add_node("triage", lambda _: Command(goto="billing"), destinations=("billing",))
    builder.add_node("billing", says("Billing here"))
    builder.add_edge(START, "triage")
    return builder.compile()


def by_edge() -> Any:
    """A router, then an agent that works inside a function and keeps its tool calls to itself."""
    inner = an_agent([price], "price", product="tea")

    def shop(state: Any) -> Any:
        return {"messages": [inner.invoke({"messages": state["messages"]})["messages"][-1]]}

    builder = StateGraph(MessagesState)
    builder.add_node("router", lambda _: {})
    builder.add_node("shop", shop)
    builder.add_edge(START, "router")
    builder.add_edge("router", "shop")
    return builder.compile()


def asks(*questions: Any) -> Any:
    """A graph that asks a human one thing after the other, and repeats the answers."""

    def ask(state: MessagesState) -> Any:  # noqa: ARG001 - LangGraph looks at the name
        return {"messages": [AIMessage(json.dumps([interrupt(question) for question in questions]))]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    return builder.compile()


def streams() -> Any:
    """A graph whose model says three words, one at a time."""
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three")] * 9))

    async def speak(state: MessagesState, config: RunnableConfig) -> Any:
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    builder = StateGraph(MessagesState)
    builder.add_node("speak", speak)
    builder.add_edge(START, "speak")
    return builder.compile()


def fails() -> Any:
    """A graph that breaks."""

    def broken(state: MessagesState) -> Any:  # noqa: ARG001 - LangGraph looks at the name
        raise RuntimeError("no luck")

    builder = StateGraph(MessagesState)
    builder.add_node("broken", broken)
    builder.add_edge(START, "broken")
    return builder.compile()


def remembers() -> Any:
    """A graph that says everything it heard, and what it was configured with."""

    def answer(state: MessagesState, config: RunnableConfig) -> Any:
        heard = [str(message.content) for message in state["messages"] if message.type == "human"]
        return {"messages": [AIMessage(" ".join([*heard, str(config["configurable"].get("model"))]))]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    return builder.compile()


def one_question() -> Any:
    """Asks one thing."""
    return asks("Sure?")


def two_questions() -> Any:
    """Asks two things."""
    return asks("Red?", "Blue?")
