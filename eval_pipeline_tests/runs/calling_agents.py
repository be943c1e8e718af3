"""Agents whose calls of tools stand in no message of their answer, or run otherwise than a message says."""

import json
import warnings
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ToolCallLimitMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from langsmith import get_current_run_tree, traceable
from openai import OpenAI
from openai.types.chat import ChatCompletion
from pydantic import BaseModel
from typing_extensions import override

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package imports a deprecated module of its own
    from langsmith.wrappers import wrap_openai


@tool
def delete_account(name: str) -> str:
    """Delete it."""
    return f"deleted {name}"


def asks_for(call_id: str = "c1", tool_name: str = "delete_account", **args: Any) -> AIMessage:
    """A message that requests a call."""
    return AIMessage("", tool_calls=[{"name": tool_name, "args": args or {"name": "ann"}, "id": call_id}])


class Scripted(BaseChatModel):
    """A model that gives its answers one after the other, beginning anew when they are used up."""

    answers: list[AIMessage]
    said: int = 0

    @override
    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        answer = self.answers[self.said % len(self.answers)].model_copy(update={"id": None})
        self.said += 1
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @override
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    @property
    @override
    def _llm_type(self) -> str:
        return "scripted"


def an_agent(*answers: AIMessage, **fields: Any) -> Any:
    """LangChain's agent, with that tool and a model that gives these answers."""
    return create_agent(Scripted(answers=list(answers)), [delete_account], **fields)


def approved() -> Any:
    """An agent whose calls a human approves, edits or rejects."""
    return an_agent(
        asks_for(), AIMessage("done"), middleware=[HumanInTheLoopMiddleware(interrupt_on={"delete_account": True})]
    )


class Verdict(BaseModel):
    """A structured answer."""

    good: bool


def structured() -> Any:
    """An agent that gives its answer as the arguments of a call that is none."""
    return an_agent(asks_for(tool_name="Verdict", good=True), response_format=ToolStrategy(Verdict))


class Worker(TypedDict):
    """A state without `messages`."""

    worker_messages: Annotated[list[AnyMessage], add_messages]


def hidden() -> Any:
    """A sub-graph that keeps its messages under a key of its own, and runs tools by hand."""

    def work(_: Worker) -> Any:
        done = ToolMessage(delete_account.invoke({"name": "ann"}), tool_call_id="c1", name="delete_account")
        return {"worker_messages": [asks_for(), done]}

    builder: Any = StateGraph(Worker)
    worker = builder.add_node(work).add_edge(START, "work").compile()

    def lead(_: MessagesState) -> Any:
        worker.invoke({"worker_messages": []})
        return {"messages": [AIMessage("done")]}

    graph: Any = StateGraph(MessagesState)
    return graph.add_node(lead).add_edge(START, "lead").compile()


def declined_by_hand() -> Any:
    """A graph that asks a human itself, and calls a plain function where the answer is yes."""

    def ask(_: MessagesState) -> Any:
        return {"messages": [asks_for()]}

    def run(_: MessagesState) -> Any:
        content = "deleted" if interrupt("Delete the account?") == "yes" else "the human said no"
        return {"messages": [ToolMessage(content, tool_call_id="c1", name="delete_account"), AIMessage("done")]}

    builder: Any = StateGraph(MessagesState)
    return builder.add_node(ask).add_node(run).add_edge(START, "ask").add_edge("ask", "run").compile()


def says(text: str, **command: Any) -> Callable[[Any], Any]:
    """A node that calls a model, and goes to another node if `goto` is given."""

    def say(state: MessagesState) -> Any:
        answer = GenericFakeChatModel(messages=iter([AIMessage(text)])).invoke(state["messages"])
        update = {"messages": [answer]}
        return Command(update=update, **command) if command else update

    return say


def network(*, models: bool) -> Any:
    """Nodes that go to one another by commands: agents, or the steps of a workflow."""

    def step(text: str, **command: Any) -> Callable[[Any], Any]:
        update = {"messages": [AIMessage(text)]}
        return lambda _: Command(update=update, **command) if command else update

    node = says if models else step
    builder: Any = StateGraph(MessagesState)
    builder.add_node("triage", node("to billing", goto="refund"), destinations=("refund",))
    builder.add_node("refund", node("refunded"))
    return builder.add_edge(START, "triage").compile()


def agents() -> Any:
    """Two agents."""
    return network(models=True)


def workflow() -> Any:
    """Two steps of a workflow."""
    return network(models=False)


@traceable(run_type="tool", name="delete_account")
def delete_traced(name: str) -> str:
    """Delete it."""
    return f"deleted {name}"


def with_traceable(message: str) -> str:
    """A function that calls a traced one."""
    return delete_traced(name=message)


def with_langchain_tool(message: str) -> str:
    """A function that calls a tool of LangChain's."""
    return str(delete_account.invoke({"name": message}))


def with_graph(message: str) -> str:
    """A function around agents that hand off to one another."""
    return str(agents().invoke({"messages": [message]})["messages"][-1].content)


def completions(*messages: dict[str, Any]) -> OpenAI:
    """A wrapped client that gives these messages, one after the other, and sends nothing."""
    left = iter(messages)

    def create(**_: Any) -> ChatCompletion:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **next(left)}}
        fields = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return ChatCompletion.model_validate(fields)

    client: Any = OpenAI(api_key="x", base_url="http://127.0.0.1:9")
    client.chat.completions.create = create
    wrapped: OpenAI = wrap_openai(client)
    return wrapped


def with_wrapped_client(message: str) -> str:
    """A function that asks a wrapped client, and runs what it requests as a plain function."""
    function = {"name": "delete_account", "arguments": json.dumps({"name": message})}
    asked = {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    client = completions(asked, {"content": "done"})
    messages: list[Any] = [{"role": "user", "content": message}]
    first = client.chat.completions.create(model="m", messages=messages).choices[0].message
    result = {"role": "tool", "tool_call_id": "c1", "content": f"deleted {message}"}
    messages += [first.model_dump(exclude_none=True), result]
    return str(client.chat.completions.create(model="m", messages=messages).choices[0].message.content)


@tool
def ask(question: str) -> str:
    """Ask another agent, which counts its calls from one as well."""
    return str(an_agent(asks_for(), AIMessage("asked")).invoke({"messages": [question]})["messages"][-1].content)


def delegating() -> Any:
    """An agent whose tool is an agent."""
    return create_agent(Scripted(answers=[asks_for(tool_name="ask", question="tea?"), AIMessage("done")]), [ask])


def limited() -> Any:
    """An agent that may call a tool once, and requests two calls."""
    twice = AIMessage("", tool_calls=[*asks_for().tool_calls, *asks_for("c2", name="bob").tool_calls])
    return an_agent(twice, AIMessage("done"), middleware=[ToolCallLimitMiddleware(run_limit=1)])


def dispatching() -> Any:
    """An agent, then a step that goes to two others."""
    builder: Any = StateGraph(MessagesState)
    builder.add_node("first", says("x"))
    builder.add_node("dispatch", lambda _: Command(goto=["left", "right"]), destinations=("left", "right"))
    builder.add_node("left", says("l"))
    builder.add_node("right", says("r"))
    return builder.add_edge(START, "first").add_edge("first", "dispatch").compile()


async def streaming(message: str) -> Any:
    """A function that yields what an agent's graph streams."""
    graph = an_agent(asks_for(), AIMessage("done"))
    async for item in graph.astream({"messages": [message]}, stream_mode="messages"):
        yield item


def with_agents_sdk(message: str) -> str:
    """Runs as the tracing of the OpenAI Agents SDK makes them: a guardrail, a model, a tool, a handoff."""
    run = get_current_run_tree()
    assert run is not None

    def child(
        parent: Any, name: str, run_type: Any, *, inputs: Any = None, outputs: Any = None, **metadata: Any
    ) -> Any:
        below = parent.create_child(
            name=name, run_type=run_type, inputs=inputs or {}, extra={"metadata": {"openai_span_id": name, **metadata}}
        )
        below.end(outputs=outputs)
        below.post()
        return below

    workflow = child(run, "Agent workflow", "chain")
    triage = child(workflow, "triage", "chain")
    child(triage, "no_secrets", "tool", triggered=False)
    asked = {"type": "function_call", "call_id": "h1", "name": "transfer_to_accounts", "arguments": "{}"}
    child(triage, "Response", "llm", outputs={"output": [asked]})
    child(triage, "Handoff", "chain", inputs={"from_agent": "triage", "to_agent": "accounts"})
    accounts = child(workflow, "accounts", "chain")
    child(accounts, "delete_account", "tool", inputs={"name": message}, outputs={"output": f"deleted {message}"})
    return "done"


def by_hand() -> Any:
    """A graph that asks a model without LangChain, and runs its tool as a plain function."""

    def work(_: MessagesState) -> Any:
        usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
        done = ToolMessage("deleted", tool_call_id="c1", name="delete_account")
        return {"messages": [asks_for(), done, AIMessage("done", usage_metadata=usage)]}

    builder: Any = StateGraph(MessagesState)
    return builder.add_node(work).add_edge(START, "work").compile()
