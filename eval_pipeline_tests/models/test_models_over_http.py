"""Chat targets and judges, through the real client to an OpenAI-compatible server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import CredentialsError
from eval_pipeline.results.case_result import AssertionResult
from eval_pipeline.targets.opening import target_version
from eval_pipeline.testing.openai_server import Answer, OpenAIServer, openai_server, tool_call
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline_tests.building import a_case, a_scope, a_suite, a_turn, evaluated, result_of

RUBRIC = {"type": "llm_rubric", "value": "It greets."}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")


def a_target(server: OpenAIServer, **fields: Any) -> dict[str, Any]:
    options = {"base_url": server.url, "max_retries": 0, **fields.pop("options", {})}
    return {"kind": "chat", "model": "openai:gpt-test", "options": options, **fields}


def judging(*, passed: bool) -> Answer:
    def answer(body: Mapping[str, Any]) -> Any:
        verdict: dict[str, Any] = {"reasoning": "It says hello.", "passed": passed}
        if "tools" in body:
            return {"content": None, "tool_calls": [tool_call(body["tools"][0]["function"]["name"], **verdict)]}
        return json.dumps(verdict)

    return answer


async def test_a_chat_model_is_given_the_whole_conversation(folder: Path) -> None:
    (folder / "prompt.md").write_text("Be brief. 👋")
    with openai_server(lambda body: f"{len(body['messages'])} messages") as server:
        suite = a_suite(folder, target=a_target(server, system_file="prompt.md", options={"temperature": 0.5}))
        result = await evaluated(suite, a_case(turns=[{"user": "hi"}, {"user": "ho"}]))
    assert result.error is None, result.error.traceback
    assert [turn.response for turn in result.turns] == ["2 messages", "4 messages"]
    assert [message["role"] for message in server.requests[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert server.requests[0]["messages"][0]["content"] == "Be brief. 👋"
    assert (server.requests[0]["model"], server.requests[0]["temperature"]) == ("gpt-test", 0.5)
    assert (result.tokens.input, result.tokens.output, result.tokens.cached) == (22, 6, 8)


async def test_a_case_may_want_another_model_and_temperature(folder: Path) -> None:
    with openai_server(lambda body: f"{body['model']} {body.get('temperature')}") as server:
        suite = a_suite(folder, target=a_target(server))
        changed = await evaluated(suite, a_case(runtime={"model": "openai:other", "temperature": 0.25}))
        usual = await evaluated(suite, a_case())
    assert (changed.turns[0].response, usual.turns[0].response) == ("other 0.25", "gpt-test None")


async def test_tool_calls_of_a_chat_model_are_events(folder: Path) -> None:
    with openai_server(lambda _: {"content": None, "tool_calls": [tool_call("find", q="x")]}) as server:
        result = await evaluated(a_suite(folder, target=a_target(server)), a_case())
    calls = [event for event in result.turns[0].events if event["type"] == "tool_call"]
    assert [(event["name"], event["args"]) for event in calls] == [("find", {"q": "x"})]


async def test_a_provider_that_refuses_makes_the_attempt_an_error(folder: Path) -> None:
    with openai_server(lambda _: 400) as server:
        result = await evaluated(a_suite(folder, target=a_target(server)), a_case())
    assert result.status == "error"
    assert result.error is not None
    assert "refused" in result.error.message


async def judged(folder: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> tuple[AssertionResult, OpenAIServer]:
    with openai_server(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        case = a_case(reference={"greeting": "hello"})
        scope = a_scope(a_turn("hello!", said="hi"), folder=folder, judge_model="openai:judge", case=case)
        return await result_of(RUBRIC, scope), server


@pytest.mark.parametrize("passed", [True, False])
async def test_a_judge_decides_by_the_rubric_and_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, passed: bool
) -> None:
    result, server = await judged(folder, judging(passed=passed), monkeypatch)
    assert (result.error, result.passed, result.message) == (None, passed, "It says hello.")
    prompt = server.requests[0]["messages"][-1]["content"]
    assert prompt.startswith("Rubric: It greets.")
    assert "User: hi\nAssistant: hello!" in prompt
    assert '{"greeting": "hello"}' in prompt


async def test_a_judge_that_gives_no_verdict_breaks_the_assertion_and_not_the_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = await judged(folder, lambda _: "I would rather not.", monkeypatch)
    assert (result.passed, result.score) == (None, None)
    assert result.error is not None


async def test_without_a_judge_the_assertion_breaks() -> None:
    result = await result_of(RUBRIC, a_scope(a_turn("hello")))
    assert result.error is not None
    assert "no chat model judges this" in result.error.message


def test_the_version_of_a_chat_target_follows_model_prompt_and_options(folder: Path) -> None:
    (folder / "prompt.md").write_text("one")
    target = {"kind": "chat", "model": "openai:a", "system_file": "prompt.md"}
    versions = [target_version(a_suite(folder, target={**target, **change})) for change in ({}, {"model": "openai:b"})]
    versions.append(target_version(a_suite(folder, target={**target, "options": {"temperature": 0}})))
    (folder / "prompt.md").write_text("two")
    versions.append(target_version(a_suite(folder, target=target)))
    assert len(set(versions)) == 4


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_no_row_but_ends_the_run(folder: Path, status: int) -> None:
    with openai_server(lambda _: status) as server, pytest.raises(CredentialsError, match="refused the key"):
        await evaluated(a_suite(folder, target=a_target(server)), a_case())


def test_a_judge_can_be_asked_in_one_run_after_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with openai_server(judging(passed=True)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        scope = a_scope(a_turn("hello!"), folder=folder, judge_model="openai:judge")
        results = [run_in_loop(result_of(RUBRIC, scope)) for _ in range(3)]
    assert [result.error for result in results] == [None] * 3
