"""LangGraph graphs and entrypoints as targets: memory, threads, configuration, the shared context in tools."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.targets.opening import open_target
from eval_pipeline_tests.building import a_case, a_context, a_suite, an_evaluator, evaluated

CODE = '''
import json
from dataclasses import dataclass
from typing import Any
from typing_extensions import TypedDict
from pydantic import BaseModel
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from eval_pipeline.context.shared_context import current_case_id, get_shared_context

def count(state):
    return {"messages": [AIMessage(" ".join(str(m.content) for m in state["messages"] if m.type == "human"))]}
def config(state, config):
    get_stream_writer()("an event of the target's own")
    names = ("thread_id", "case_id", "model", "temperature", "version", "test_data")
    known = {name: config["configurable"].get(name) for name in names}
    return {"messages": [AIMessage(json.dumps(known))]}
def one(node, **kwargs):
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder
forgets, remembers = one(count).compile(), one(count).compile(checkpointer=InMemorySaver())
configured = one(config).compile()
def built(answer): return one(lambda state: {"messages": [AIMessage(answer)]}).compile()
def builds_nothing(): return 5

@entrypoint(checkpointer=InMemorySaver())
def keyed(inputs, *, previous):
    said = [*(previous or []), inputs["question"]]
    return entrypoint.final(value={"answer": " ".join(said)}, save=said)
@entrypoint()
async def plain(inputs): return inputs["question"].upper()

@dataclass
class Options:
    case_id: str
    model: str = "none"
class OptionsDict(TypedDict):
    case_id: str
    model: str
class OptionsModel(BaseModel):
    case_id: str
    model: str
def declared(schema):
    def tell(state, runtime: Runtime[Any]):
        given = runtime.context if isinstance(runtime.context, dict) else vars(runtime.context)
        return {"messages": [AIMessage(given["model"] + " " + given["case_id"])]}
    builder = StateGraph(MessagesState, context_schema=schema)
    builder.add_node("node", tell)
    builder.add_edge(START, "node")
    return builder.compile()
of_dataclass, of_typed_dict, of_model = declared(Options), declared(OptionsDict), declared(OptionsModel)
def interjecting(state):
    return {"messages": [AIMessage("first"), HumanMessage("go on"), AIMessage("second")]}
interjects = one(interjecting).compile()
def asking(state): return {"messages": [AIMessage(interrupt("really?"))]}
asks = one(asking).compile(checkpointer=InMemorySaver())

@tool
def find(key: str) -> str:
    """Find."""
    return json.dumps([get_shared_context().lookup("a", key), current_case_id()])
@tool
async def find_later(key: str) -> str:
    """Find."""
    return find.func(key)
def plan(state):
    last = state["messages"][-1]
    if last.type == "tool":
        return {"messages": [AIMessage("done")]}
    calls = [{"name": n, "args": {"key": last.content}, "id": n} for n in ("find", "find_later")]
    return {"messages": [AIMessage("thinking", tool_calls=calls)]}
builder = StateGraph(MessagesState)
builder.add_node("plan", plan)
builder.add_node("tools", ToolNode([find, find_later]))
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", lambda s: "tools" if s["messages"][-1].tool_calls else END)
builder.add_edge("tools", "plan")
agent = builder.compile()
'''


@pytest.fixture
def code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def answered(
    folder: Path, name: str, *messages: str, context: SharedContext | None = None, case: Any = None, **target: Any
) -> CaseResult:
    suite = a_suite(folder, target={"kind": "langgraph", "path": f"own.py:{name}", **target})
    result = await evaluated(
        suite, a_case(turns=[{"user": text} for text in messages or ("hi",)], **(case or {})), context=context
    )
    assert result.error is None, result.error.traceback
    return result


def responses(result: CaseResult) -> list[str]:
    return [turn.response for turn in result.turns]


@pytest.mark.parametrize("name", ["forgets", "remembers"])
async def test_a_conversation_is_remembered_once_whoever_remembers_it(code: Path, name: str) -> None:
    for _ in range(2):  # a second attempt has a thread of its own
        assert responses(await answered(code, name, "a", "b", "c")) == ["a", "a b", "a b c"]


async def test_with_keys_each_turn_is_one_invocation_on_the_thread(code: Path) -> None:
    keys: dict[str, Any] = {"input_key": "question", "output_key": "answer"}
    for _ in range(2):
        assert responses(await answered(code, "keyed", "a", "b", **keys)) == ["a", "a b"]
    assert responses(await answered(code, "plain", "a", input_key="question")) == ["A"]


async def test_runtime_options_and_a_thread_reach_the_configuration(code: Path) -> None:
    runtime = {"model": "m", "temperature": 0, "test_data": {"x": 1}}
    seen = [
        json.loads(text)
        for _ in range(2)
        for text in responses(await answered(code, "configured", "a", "b", case={"runtime": runtime}))
    ]
    threads = [result.pop("thread_id") for result in seen]
    assert threads[0] == threads[1] != threads[2] == threads[3]
    assert seen == [
        {"case_id": "c1", "model": "m", "temperature": 0.0, "version": None, "test_data": {"x": 1}} for _ in range(4)
    ]


async def test_what_a_target_streams_is_not_taken_for_an_event_of_ours(code: Path) -> None:
    suite = a_suite(code, target={"kind": "langgraph", "path": "own.py:configured"})
    events: list[Any] = []
    await evaluated(suite, a_case(), listener=events.append)
    assert [event["event"] for event in events] == [
        "started",
        "user_input",
        "agent_response",
        "eval_completed",
        "completed",
    ]


async def test_the_shared_context_reaches_tools_sync_and_async(code: Path, tmp_path: Path) -> None:
    (code / "a.csv").write_text("id,n\nx,1\n")
    suite = a_suite(code, context={"tables": {"a": {"file": "a.csv"}}})
    context = a_context(suite, LocalStore(tmp_path / "store"))
    (turn,) = (await answered(code, "agent", "x", context=context)).turns
    assert turn.response == "done"
    assert [event["type"] for event in turn.events] == [
        "message",
        "tool_call",
        "tool_call",
        "tool_result",
        "tool_result",
    ]
    results = {event["name"]: json.loads(event["content"]) for event in turn.events if event["type"] == "tool_result"}
    assert results == {"find": [{"id": "x", "n": 1}, "c1"], "find_later": [{"id": "x", "n": 1}, "c1"]}


async def test_a_graph_may_be_built_from_the_options(code: Path) -> None:
    assert responses(await answered(code, "built", options={"answer": "42"})) == ["42"]


def test_what_is_no_graph_is_refused(code: Path) -> None:
    with pytest.raises(InputError, match="name a compiled or uncompiled graph"):
        open_target(a_suite(code, target={"kind": "langgraph", "path": "own.py:builds_nothing"}))


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("keyed", {"input_key": "question", "output_key": "reply"}, "the graph's output has no 'reply'"),
        ("plain", {"input_key": "question", "output_key": "reply"}, "the graph's output has no 'reply'"),
        ("agent", {"recursion_limit": 1}, "Recursion limit of 1"),
    ],
)
async def test_what_does_not_fit_is_an_error_of_the_attempt(
    code: Path, name: str, target: dict[str, Any], message: str
) -> None:
    suite = a_suite(code, target={"kind": "langgraph", "path": f"own.py:{name}", **target})
    result = await evaluated(suite, a_case())
    assert result.status == "error"
    assert result.error is not None
    assert message in result.error.message


async def test_attempts_at_once_do_not_share_a_thread(code: Path) -> None:
    suite = a_suite(code, target={"kind": "langgraph", "path": "own.py:remembers"})
    evaluator = an_evaluator(suite)
    cases = [a_case(f"c{n}", turns=[{"user": f"{n}a"}, {"user": f"{n}b"}]) for n in range(6)]
    results = await asyncio.gather(*[evaluator.evaluate(evaluator.attempts(case, None)[0]) for case in cases])
    assert [responses(result) for result in results] == [[f"{n}a", f"{n}a {n}b"] for n in range(6)]


@pytest.mark.parametrize("name", ["of_dataclass", "of_typed_dict", "of_model"])
async def test_runtime_options_reach_the_context_that_the_graph_declares(code: Path, name: str) -> None:
    assert responses(await answered(code, name, case={"runtime": {"model": "m", "version": "1"}})) == ["m c1"]


async def test_an_answer_is_what_comes_after_the_message_that_was_sent_and_its_last_words_are_read(code: Path) -> None:
    (turn,) = (await answered(code, "interjects")).turns
    assert turn.response == "second"
    assert [message["content"] for message in turn.messages] == ["first", "go on", "second"]


@pytest.mark.parametrize("target", [{}, {"input_key": "messages"}])
async def test_a_graph_that_waits_for_a_human_is_an_error_of_the_attempt(code: Path, target: dict[str, Any]) -> None:
    suite = a_suite(code, target={"kind": "langgraph", "path": "own.py:asks", **target})
    result = await evaluated(suite, a_case())
    assert result.error is not None
    assert "the target waits for a human: really?" in result.error.message
