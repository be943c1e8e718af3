"""Runs that LangSmith recorded, as cases: from a project over the SDK, and from a saved export."""

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langsmith import Client, traceable, tracing_context

from eval_pipeline.errors import InputError
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline_tests.building import a_suite, evaluated

CALL = {"name": "look", "args": {"at": "x"}, "id": "1"}


def agent_run(run_id: str, messages: list[Any], **fields: Any) -> dict[str, Any]:
    plain = [message.model_dump(mode="json") for message in messages]
    return {"id": run_id, "start_time": fields.pop("at", "1"), "inputs": {"messages": plain[:1]}, **fields} | {
        "outputs": {"messages": plain}
    }


HEARD = [
    HumanMessage("hi"),
    AIMessage("", tool_calls=[CALL]),
    ToolMessage("found", tool_call_id="1", name="look"),
    AIMessage("hello", usage_metadata={"input_tokens": 5, "output_tokens": 1, "total_tokens": 6}),
]


def write(folder: Path, runs: list[dict[str, Any]], name: str = "runs.jsonl") -> Any:
    text = "\n".join(map(json.dumps, runs)) if name.endswith("l") else json.dumps({"runs": runs})
    (folder / name).write_text(text)
    return load_dataset(a_suite(folder, cases={"langsmith": name})).cases


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.json"])
async def test_an_export_is_replayed_with_its_calls_and_tokens(folder: Path, name: str) -> None:
    child = {"id": "child", "parent_run_id": "r1", "inputs": {}, "outputs": {}}
    (case,) = write(folder, [agent_run("r1", HEARD), child], name)
    result = await evaluated(a_suite(folder), case)
    assert [turn.input for turn in result.turns] == ["hi"]
    assert result.turns[0].response == "hello"
    kinds = [event["type"] for event in result.turns[0].events]
    assert kinds == ["tool_call", "tool_result", "usage"]
    assert case.recordings[0].data["run_ids"] == ["r1"]


def test_runs_of_a_thread_are_its_turns_and_threads_of_a_case_its_attempts(folder: Path) -> None:
    def of(thread: str, case_id: str) -> dict[str, Any]:
        return {"extra": {"metadata": {"thread_id": thread, "case_id": case_id}}}

    more = [*HEARD, HumanMessage("more"), AIMessage("bye")]
    runs = [
        agent_run("b", more, at="2", **of("t1", "c")),
        agent_run("a", HEARD, at="1", **of("t1", "c")),
        {"id": "x", "start_time": "3", "inputs": {"question": "q"}, "outputs": {"answer": "a"}, **of("t2", "c")},
    ]
    (case,) = write(folder, runs)
    assert [[message["role"] for message in attempt.messages] for attempt in case.recordings] == [
        ["user", "assistant", "tool", "assistant", "user", "assistant"],
        ["user", "assistant"],
    ]


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"messages": [["user", "tea?"]]}, {"messages": [{"type": "human", "content": "tea?"}, ["ai", "4.20"]]}),
        ({"messages": ["tea?"]}, {"choices": [{"message": {"role": "assistant", "content": "4.20"}}]}),
        (
            {"messages": [{"role": "user", "content": "tea?"}]},
            {"role": "assistant", "type": "message", "content": [{"type": "text", "text": "4.20"}]},
        ),
        (
            {"model": "m", "input": "tea?"},
            {
                "output": [
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4.20"}]}
                ]
            },
        ),
        (
            {"contents": [{"role": "user", "parts": [{"text": "tea?"}]}]},
            {"candidates": [{"content": {"parts": [{"text": "4.20"}]}}]},
        ),
        ({"input": {"messages": [["user", "tea?"]]}}, {"output": {"type": "ai", "content": "4.20"}}),
        ({"input": "tea?"}, {"output": {"messages": [["user", "tea?"], ["ai", "4.20"]]}}),
        ({"messages": [[{"lc": 1, "id": ["x", "HumanMessage"], "kwargs": {"content": "tea?"}}]]}, {"answer": "4.20"}),
    ],
)
def test_messages_of_runs_have_any_form(folder: Path, inputs: Any, outputs: Any) -> None:
    (case,) = write(folder, [{"id": "r", "start_time": "1", "inputs": inputs, "outputs": outputs}])
    said = [(message["role"], message["content"]) for message in case.recordings[0].messages]
    assert said == [("user", "tea?"), ("assistant", "4.20")]


def test_a_run_with_messages_of_an_unknown_form_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"the run r cannot be read: .*a mapping with 'speaker'"):
        write(folder, [{"id": "r", "start_time": "1", "inputs": {"messages": [{"speaker": "me"}]}, "outputs": {}}])


def test_a_run_without_a_conversation_is_reported(folder: Path) -> None:
    with pytest.raises(InputError, match="has no messages and no text"):
        write(folder, [{"id": "r", "start_time": "1", "inputs": {"n": 1}, "outputs": {}}])


def test_a_project_is_read_over_the_sdk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecorderServer() as server:
        client = Client(api_url=server.url, api_key="any")

        @traceable(client=client, project_name="production")
        def agent(question: str) -> dict[str, Any]:
            return {"answer": question.upper()}

        with tracing_context(enabled=True, client=client):
            agent("hi", langsmith_extra={"metadata": {"thread_id": "thread-1"}})
        client.flush()
        client.close()
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "any")
        (case,) = load_dataset(a_suite(folder, cases={"langsmith": "production"})).cases
        with pytest.raises(InputError, match="there is no project 'missing'"):
            load_dataset(a_suite(folder, cases={"langsmith": "missing"}))
    assert case.id == "thread-1"
    assert [(message["role"], message["content"]) for message in case.recordings[0].messages] == [
        ("user", "hi"),
        ("assistant", "HI"),
    ]


MAPPED = {"id": "m", "start_time": "2", "inputs": {"topic": "tea", "n": 2}, "outputs": {"title": "Tea", "docs": [1]}}
FAILED = {"id": "f", "start_time": "3", "inputs": {"n": 1}, "outputs": {}}


async def test_inputs_and_outputs_that_are_more_than_messages_are_replayed_as_they_are(folder: Path) -> None:
    tools = [
        {"id": "t1", "trace_id": "m", "parent_run_id": "m", "run_type": "tool", "name": "look", "inputs": {"at": "x"}}
        | {"outputs": {"output": {"content": "found"}}, "dotted_order": "1"},
        {"id": "t2", "trace_id": "m", "parent_run_id": "m", "run_type": "tool", "name": "look", "error": "no luck"}
        | {"inputs": {}, "dotted_order": "2"},
    ]
    (case,) = write(folder, [MAPPED, *tools])
    result = await evaluated(a_suite(folder), case)
    (turn,) = result.turns
    assert (turn.input, turn.outputs) == (MAPPED["inputs"], MAPPED["outputs"])
    assert [(event["type"], event["content"], bool(event.get("error"))) for event in turn.events[1::2]] == [
        ("tool_result", "found", False),
        ("tool_result", "no luck", True),
    ]


def test_runs_are_read_by_paths(folder: Path) -> None:
    source = {
        "langsmith": "runs.json",
        "id": "extra.metadata.ticket",
        "input": "inputs.payload.question",
        "output": "outputs.payload",
        "reference": {"answer": "extra.metadata.expected"},
        "split": "extra.metadata.split",
        "metadata": {"team": "extra.metadata.team"},
    }
    metadata = {"ticket": "7", "expected": "42", "split": "hard", "team": "a"}
    run = {
        "id": "r",
        "start_time": "1",
        "inputs": {"payload": {"question": "why?"}},
        "outputs": {"payload": {"answer": 42}},
        "extra": {"metadata": metadata},
    }
    (folder / "runs.json").write_text(json.dumps([run]))
    (case,) = load_dataset(a_suite(folder, cases=source)).cases
    (turn,) = case.recordings[0].turns
    assert (case.id, case.split, case.reference, case.metadata) == ("7", "hard", {"answer": "42"}, {"team": "a"})
    assert (turn.input, turn.outputs) == ("why?", {"answer": 42})


def test_what_cannot_be_read_is_skipped_counted_and_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (case,) = write(folder, [MAPPED, FAILED])
    assert case.id == "m"
    assert "1 of 2 conversations" in caplog.text
    assert "the run f has no messages" in caplog.text


def test_a_sample_is_the_same_conversations_every_time(folder: Path) -> None:
    runs = [{**MAPPED, "id": f"m{number}"} for number in range(200)]
    (folder / "runs.json").write_text(json.dumps(runs))
    sampled = [load_dataset(a_suite(folder, cases={"langsmith": "runs.json", "sample": 0.2})).cases for _ in range(2)]
    assert sampled[0] == sampled[1]
    assert 20 < len(sampled[0]) < 60
