"""An agent behind a URL is a target in a few lines: request template, paths into the answer, streams, trace headers."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from eval_pipeline.errors import CredentialsError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline.targets.opening import open_target
from eval_pipeline_tests.building import a_case, a_suite, evaluated, write_suite
from eval_pipeline_tests.small_server import Answers, answering
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer

_REQUESTS: list[dict[str, Any]] = []


class _Agent(Answers):
    """Answers by path, and keeps what it was asked."""

    def _asked(self) -> Any:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = json.loads(body) if body else parse_qs(urlsplit(self.path).query)
        headers = {name.lower(): value for name, value in self.headers.items()}
        _REQUESTS.append({"path": self.path, "headers": headers, "body": asked})
        return asked

    def _answer(self, text: str, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Set-Cookie", "session=1")
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:  # noqa: N802
        """Echo the query."""
        self._answer(json.dumps({"answer": self._asked()}))

    def do_POST(self) -> None:  # noqa: N802
        """An answer by path."""
        asked = self._asked()
        match urlsplit(self.path).path:
            case "/chat":
                self._answer(json.dumps(_chat(asked)))
            case "/openai":
                call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
                messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "assistant", "content": "done"}]
                self._answer(json.dumps({"messages": messages}))
            case "/stream":
                events = [{"delta": "Hel"}, {"delta": "lo"}, {"calls": [{"name": "f", "args": {}}], "tokens": {}}]
                lines = "".join(f": keep-alive\nevent: step\ndata: {json.dumps(event)}\n\n" for event in events)
                self._answer(f"{lines}data: [DONE]\n\n", "text/event-stream; charset=utf-8")
            case "/lines":
                self._answer('{"n": 1}\n\n{"n": 2}\n', "application/x-ndjson")
            case "/text":
                self._answer("plain words", "text/plain")
            case "/echo":
                self._answer(json.dumps(asked))
            case _:
                self._answer("it broke", "text/plain", status=503)


def _chat(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reply": {"text": f"you said {asked['say']}", "seen": len(asked["history"])},
        "steps": [{"tool": "find", "input": {"key": "tea"}, "output": "4.20"}],
        "tokens": {"prompt_tokens": 7, "completion_tokens": 3},
    }


@pytest.fixture
def url() -> Iterator[str]:
    _REQUESTS.clear()
    with answering(_Agent) as url:
        yield url


CHAT: dict[str, Any] = {
    "headers": {"Authorization": "Bearer {{ env.AGENT_TOKEN }}"},
    "request": {"say": "{{ text }}", "history": "{{ history }}", "thread": "t-{{ thread_id }}", "fixed": 1},
    "outputs": "reply",
    "text": "reply.text",
    "tool_calls": "steps[].{name: tool, args: input, result: output}",
    "usage": "tokens",
}


async def answered(url: str, *inputs: Any, case: Mapping[str, Any] | None = None, **target: Any) -> CaseResult:
    suite = a_suite(Path(), target={"kind": "http", "url": url, **target})
    turns = [{"input": item} for item in inputs or ("hello",)]
    return await evaluated(suite, a_case(turns=turns, **(case or {})))


async def test_a_template_makes_the_request_and_paths_read_the_answer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_TOKEN", "secret")
    result = await answered(f"{url}/chat", "tea", "milk", **CHAT)
    assert result.error is None, result.error.traceback
    assert [turn.response for turn in result.turns] == ["you said tea", "you said milk"]
    assert result.turns[1].outputs == {"text": "you said milk", "seen": 2}
    assert [{key: event.get(key) for key in ("type", "name")} for event in result.turns[0].events] == [
        {"type": "tool_call", "name": "find"},
        {"type": "tool_result", "name": "find"},
        {"type": "usage", "name": None},
    ]
    assert (result.tokens.input, result.tokens.output) == (14, 6)
    first, second = _REQUESTS
    assert first["headers"]["authorization"] == "Bearer secret"
    assert first["body"]["thread"] == second["body"]["thread"] != "t-"
    assert first["body"]["fixed"] == 1
    assert second["body"]["history"] == [
        {"role": "user", "content": "tea"},
        {"role": "assistant", "content": "you said tea"},
    ]
    assert second["headers"]["cookie"] == "session=1"  # of this attempt


async def test_a_mapping_is_sent_as_it_is_and_anything_comes_back(url: str) -> None:
    given = {"question": "tea?", "top_k": 3, "nested": [None, {"a": 1.5}]}
    result = await answered(f"{url}/echo", given)
    assert result.error is None, result.error.traceback
    assert _REQUESTS[0]["body"] == given
    assert result.turns[0].outputs == given


async def test_text_lines_and_messages_are_read(url: str) -> None:
    assert (await answered(f"{url}/text")).turns[0].response == "plain words"
    assert (await answered(f"{url}/lines")).turns[0].outputs == {"n": 2}
    turn = (await answered(f"{url}/openai")).turns[0]
    assert turn.response == "done"
    assert [event["type"] for event in turn.events] == ["tool_call"]
    assert turn.events[0]["args"] == {"a": 1}


async def test_a_get_has_a_query(url: str) -> None:
    result = await answered(f"{url}/ask?lang=en", method="GET", request={"q": "{{ text }}"}, text="answer.q[0]")
    assert result.turns[0].response == "hello"


async def test_server_sent_events_are_streamed(url: str) -> None:
    suite = a_suite(
        Path(), target={"kind": "http", "url": f"{url}/stream", "token": "data.delta", "tool_calls": "last.calls"}
    )
    events: list[Any] = []
    result = await evaluated(suite, a_case(), listener=events.append)
    (turn,) = result.turns
    assert (turn.response, turn.ttft_s is not None) == ("Hello", True)
    assert [event["content"] for event in events if event.get("type") == "token"] == ["Hel", "lo"]
    assert [event["type"] for event in turn.events] == ["tool_call"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "answered 503: it broke"),
        ({"text": "nothing.there", "path": "/echo"}, "`text: nothing.there` leads to nothing in the answer"),
        ({"request": "{{ mesage }}"}, "the request template names 'mesage', which there is not. Fix: use one of"),
        ({"tool_calls": "message", "path": "/echo"}, "name calls with `name` and `args`"),
    ],
)
async def test_what_goes_wrong_is_an_error_of_the_attempt(url: str, target: dict[str, Any], message: str) -> None:
    path = target.pop("path", "/broken")
    result = await answered(url + path, **target)
    assert result.status == "error"
    assert result.error is not None
    assert message in result.error.message


def test_a_secret_that_is_not_set_is_named() -> None:
    target = {"kind": "http", "url": "http://127.0.0.1:9", "headers": {"X-Key": "{{ env.NO_SUCH_KEY }}"}}
    with pytest.raises(CredentialsError, match="NO_SUCH_KEY is not set"):
        open_target(a_suite(Path(), target=target))


def test_paths_are_checked_with_the_suite(folder: Path) -> None:
    target = {"kind": "http", "url": "ftp://x", "request": {"a": "{{ [ }}"}, "outputs": "a["}
    _, _, problems = check_suite(write_suite(folder, target=target))
    assert sorted(problem.field or "" for problem in problems) == ["target.outputs", "target.request", "target.url"]


@pytest.mark.parametrize("joins_trace", [False, True])
async def test_the_agent_may_continue_the_trace(url: str, folder: Path, *, joins_trace: bool) -> None:
    sender = Kept()
    target = {"kind": "http", "url": f"{url}/openai", "joins_trace": joins_trace}
    evaluator = a_traced_evaluator(folder, target, a_tracer(sender))
    await evaluator.evaluate(Attempt(case=a_case("tea"), number=1))
    headers = _REQUESTS[0]["headers"]
    assert headers["langsmith-trace"] in {run["dotted_order"] for run in sender.runs}
    assert headers["baggage"].endswith("langsmith-project=sample-1")
    reported = [run["name"] for run in sender.runs if run["run_type"] == "tool"]
    assert reported == ([] if joins_trace else ["f"])  # which the agent's own run would repeat
