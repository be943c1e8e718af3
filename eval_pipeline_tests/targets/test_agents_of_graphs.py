"""What happens inside graphs, here and deployed: handoffs, sub-graphs, questions to humans, first tokens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import CredentialsError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.targets.opening import open_target
from eval_pipeline_tests.building import a_case, a_suite, evaluated
from eval_pipeline_tests.evaluation import agents
from eval_pipeline_tests.langgraph_server import LangGraphServer, langgraph_server
from eval_pipeline_tests.runs import calling_agents

HERE = "eval_pipeline_tests.evaluation.agents"
CALLING = "eval_pipeline_tests.runs.calling_agents"


@pytest.fixture(scope="module")
def server() -> Iterator[LangGraphServer]:
    made = ("by_tool", "by_command", "by_edge", "streams", "fails", "remembers")
    graphs = {name: getattr(agents, name)() for name in made}
    with langgraph_server(
        {
            **graphs,
            "delegating": calling_agents.delegating(),
            "asks": agents.asks("Sure?"),
            "asks_two": agents.asks("Red?", "Blue?"),
        }
    ) as running:
        yield running


@pytest.fixture(params=["langgraph", "remote"])
def kind(request: pytest.FixtureRequest, server: LangGraphServer) -> dict[str, Any]:
    return {"kind": request.param, "url": server.url}


def a_target(kind: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    if kind["kind"] == "remote":
        return {**kind, "graph": name, **fields}
    questions = {"asks": "one_question", "asks_two": "two_questions"}.get(name, name)
    return {"kind": "langgraph", "path": f"{HERE}:{questions}", **fields}


async def answered(
    target: dict[str, Any], *, messages: tuple[str, ...] = ("hi",), events: Any = None, **case: Any
) -> CaseResult:
    fields = {"turns": [{"user": text} for text in messages], **case}
    listener = None if events is None else events.append
    return await evaluated(a_suite(Path(), target=target), a_case(**fields), listener=listener)


def happened(result: CaseResult, *, turn: int = 0) -> list[tuple[Any, ...]]:
    read: dict[str, Callable[[Any], tuple[Any, ...]]] = {
        "handoff": lambda event: (event["from"], event["to"]),
        "tool_call": lambda event: (event["name"], event["args"]),
        "tool_result": lambda event: (event["name"],),
        "message": lambda event: (event["content"],),
        "interrupt": lambda event: (event["content"], event["answer"]),
    }
    return [
        (event["type"], *read[event["type"]](event)) for event in result.turns[turn].events if event["type"] in read
    ]


async def test_a_handoff_by_tool_is_an_event_between_what_came_before_and_after(kind: dict[str, Any]) -> None:
    events: list[Any] = []
    result = await answered(a_target(kind, "by_tool"), events=events)
    assert result.error is None, result.error.traceback
    assert result.turns[0].response == "Bob here"
    types = [event[0] for event in happened(result)]
    assert ("handoff", "alice", "bob") in happened(result)
    assert types.index("tool_result") < types.index("handoff")
    live = [event for event in events if event["event"] == "turn_event"]
    assert len(live) == len(result.turns[0].events)


async def test_a_sub_graphs_calls_are_seen_though_the_state_keeps_its_last_word_only() -> None:
    result = await answered({"kind": "langgraph", "path": f"{HERE}:by_edge"}, messages=("a", "b"))
    for turn in (0, 1):
        assert happened(result, turn=turn) == [
            ("handoff", "router", "shop"),
            ("tool_call", "price", {"product": "tea"}),
            ("tool_result", "price"),
        ]
        assert result.turns[turn].response == "price was called"


async def test_a_command_between_plain_nodes_is_no_handoff() -> None:
    result = await answered({"kind": "langgraph", "path": f"{HERE}:by_command"})
    assert happened(result) == []


async def test_a_deployed_sub_graph_that_begins_is_a_handoff(server: LangGraphServer) -> None:
    result = await answered({"kind": "remote", "url": server.url, "graph": "by_edge"})
    assert ("handoff", "router", "shop") in happened(result)


async def test_an_agent_that_a_tool_runs_takes_nothing_over(kind: dict[str, Any]) -> None:
    target = a_target(kind, "delegating") | ({} if kind["kind"] == "remote" else {"path": f"{CALLING}:delegating"})
    result = await answered(target)
    assert result.error is None, result.error.traceback
    assert [event for event in happened(result) if event[0] == "handoff"] == []
    assert ("tool_call", "ask", {"question": "tea?"}) in happened(result)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("yes", '["yes"]'),
        ([{"ok": True}], '[{"ok": true}]'),
        ({"sure": "of course", "*": 0}, '["of course"]'),
        ({"what": 1, "*": 0}, "[0]"),
        (False, "[false]"),
    ],
)
async def test_a_human_is_answered_from_the_case(kind: dict[str, Any], given: Any, answer: str) -> None:
    result = await answered(a_target(kind, "asks"), on_interrupt=given)
    assert result.error is None, result.error.traceback
    assert result.turns[0].response == answer
    assert happened(result)[0][:2] == ("interrupt", "Sure?")


async def test_several_questions_get_their_own_answers(kind: dict[str, Any]) -> None:
    result = await answered(a_target(kind, "asks_two"), messages=("a", "b"), on_interrupt=[1, 2, 3, 4])
    assert [turn.response for turn in result.turns] == ["[1, 2]", "[3, 4]"]
    by_question = await answered(a_target(kind, "asks_two"), on_interrupt={"blue": "b", "red": "r"})
    assert by_question.turns[0].response == '["r", "b"]'


@pytest.mark.parametrize(
    ("given", "fix"),
    [([1], "has only 1 answers"), ({"green": 1}, "no part of it is among 'green'")],
)
async def test_a_question_without_an_answer_names_case_and_field(kind: dict[str, Any], given: Any, fix: str) -> None:
    result = await answered(a_target(kind, "asks_two"), on_interrupt=given)
    assert result.error is not None
    assert "case c1 · on_interrupt: the target waits for a human" in result.error.message
    assert fix in result.error.message


async def test_without_any_answer_the_question_is_an_error_that_says_where_to_answer(server: LangGraphServer) -> None:
    result = await answered({"kind": "remote", "url": server.url, "graph": "asks"})
    assert result.error is not None
    assert "case c1 · on_interrupt: the target waits for a human: Sure?. Fix: give the answer" in result.error.message


async def test_the_time_to_the_first_token_is_known_of_a_streamed_answer(kind: dict[str, Any]) -> None:
    events: list[Any] = []
    result = await answered(a_target(kind, "streams", stream=True), events=events)
    assert result.error is None, result.error.traceback
    (turn,) = result.turns
    assert turn.response == "one two three"
    assert turn.ttft_s is not None
    assert 0 < turn.ttft_s <= turn.latency_s
    tokens = [event["content"] for event in events if event.get("type") == "token"]
    assert "".join(tokens) == "one two three"
    assert len(tokens) > 1
    assert [event for event in turn.events if event["type"] == "token"] == []
    assert (await answered(a_target(kind, "streams"))).turns[0].ttft_s is None


async def test_a_deployed_graph_remembers_its_thread_and_is_given_the_runtime_options(server: LangGraphServer) -> None:
    target = {"kind": "remote", "url": server.url, "graph": "remembers"}
    for _ in range(2):
        result = await answered(target, messages=("a", "b"), runtime={"model": "m"})
        assert [turn.response for turn in result.turns] == ["a m", "a b m"]
    threads = [request["path"] for request in server.requests[-4:]]
    assert threads[0] == threads[1] != threads[2] == threads[3]


async def test_a_deployed_graph_that_fails_or_is_not_there_is_an_error_of_the_attempt(server: LangGraphServer) -> None:
    failed = await answered({"kind": "remote", "url": server.url, "graph": "fails"})
    assert failed.error is not None
    assert "no luck" in failed.error.message
    missing = await answered({"kind": "remote", "url": server.url, "graph": "nobody"})
    assert missing.status == "error"
    unreachable = await answered({"kind": "remote", "url": "http://127.0.0.1:9", "graph": "x"})
    assert unreachable.status == "error"


async def test_the_servers_key_is_read_from_the_variable_that_is_named(
    server: LangGraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {"kind": "remote", "url": server.url, "graph": "remembers", "api_key_variable": "DEPLOYMENT_KEY"}
    with pytest.raises(CredentialsError, match="DEPLOYMENT_KEY is not set"):
        open_target(a_suite(Path(), target=target))
    monkeypatch.setenv("DEPLOYMENT_KEY", "secret")
    assert (await answered(target)).error is None
    assert server.requests[-1]["headers"]["x-api-key"] == "secret"


async def test_a_callable_that_yields_is_streamed() -> None:
    async def words(message: str) -> Any:
        for word in message.split():
            yield word + " "

    def letters(message: str) -> Any:
        yield from message

    result = await EvalRunner(target=words).arun(a_case(input="a b"))
    assert result.error is None, result.error.traceback
    assert (result.turns[0].response, result.turns[0].ttft_s is not None) == ("a b ", True)
    events = [event async for event in EvalRunner(target=letters).astream(a_case(input="xyz"))]
    assert [event["content"] for event in events if event.get("type") == "token"] == ["x", "y", "z"]


async def test_what_a_callable_yields_may_be_events_and_a_last_reply() -> None:
    async def works(message: str) -> Any:
        yield {"type": "tool_call", "name": "f", "args": {}, "id": "1"}
        yield {"type": "tool_result", "name": "f", "content": "4", "id": "1"}
        yield message

    result = await EvalRunner(target=works).arun(a_case(input="done"))
    assert [event["type"] for event in result.turns[0].events] == ["tool_call", "tool_result"]
    assert result.turns[0].response == "done"
