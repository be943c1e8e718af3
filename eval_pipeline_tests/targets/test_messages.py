"""Messages as replies, and recorded conversations cut into turns."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from eval_pipeline.messages import after_last_user, content_text
from eval_pipeline.suite.case import Recording
from eval_pipeline.targets.messages import reply_of_messages
from eval_pipeline.targets.recorded import RecordedSession, RecordedSessionFactory
from eval_pipeline_tests.building import a_case


def assistant(content: Any = None, *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **fields}


def call(name: str, arguments: Any, call_id: Any = "1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def kinds(messages: list[Any]) -> list[tuple[str, Any]]:
    return [(event["type"], event.get("name") or event.get("content")) for event in reply_of_messages(messages).events]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("hi", "hi"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, "b", {"type": "text", "text": None}, 5], "ab"),
        (7, "7"),
    ],
)
def test_the_text_of_content_is_found_in_any_form(content: Any, text: str) -> None:
    assert content_text(content) == text


def test_an_openai_reply_has_the_answer_and_its_events_in_order() -> None:
    messages = [
        assistant("Let me look.", call("find", '{"q": "x"}')),
        {"role": "tool", "tool_call_id": "1", "content": "found"},
        assistant("Here it is.", usage={"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.1}),
    ]
    reply = reply_of_messages(messages)
    assert reply.response == "Here it is."
    assert reply.events[1] == {"type": "tool_call", "name": "find", "args": {"q": "x"}, "id": "1"}
    assert reply.events[2] == {"type": "tool_result", "name": "find", "id": "1", "content": "found"}
    usage = {"input_tokens": 5, "output_tokens": 2, "cached_tokens": 0, "cost_usd": 0.1}
    assert reply.events[3] == {"type": "usage", **usage}


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"a": 1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("", {}),
        (None, {}),
        ("{oops", {"unparsed": "{oops"}),
        ("[1]", {"unparsed": "[1]"}),
    ],
)
def test_arguments_are_read_in_any_form_and_kept_where_they_are_no_json(arguments: Any, args: dict[str, Any]) -> None:
    (event,) = reply_of_messages([assistant(None, call("f", arguments))]).events
    assert event["args"] == args


def test_a_function_call_of_the_older_form_is_a_tool_call() -> None:
    messages = [
        assistant(None, function_call={"name": "find", "arguments": "{}"}),
        {"role": "function", "name": "find", "content": "found"},
    ]
    assert kinds(messages) == [("tool_call", "find"), ("tool_result", "find")]


def test_results_without_an_id_have_the_name_of_the_call_without_one() -> None:
    messages = [assistant(None, call("find", "{}", None)), {"role": "tool", "content": [{"type": "text", "text": "x"}]}]
    assert kinds(messages) == [("tool_call", "find"), ("tool_result", "find")]


def test_langchain_messages_give_the_same_reply() -> None:
    calls = [{"name": "find", "args": {"q": "x"}, "id": "1"}]
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7, "input_token_details": {"cache_read": 3}}
    reply = reply_of_messages(
        [
            AIMessage("Let me look.", tool_calls=calls),
            ToolMessage("found", tool_call_id="1", name="find"),
            AIMessage([{"type": "text", "text": "Here."}], usage_metadata=usage),
        ]
    )
    assert reply.response == "Here."
    assert [event["type"] for event in reply.events] == ["message", "tool_call", "tool_result", "usage"]
    assert (reply.events[3]["input_tokens"], reply.events[3]["cached_tokens"]) == (5, 3)


def test_only_what_follows_the_last_user_message_is_the_reply() -> None:
    assert after_last_user([HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("d")]) == [AIMessage("d")]
    assert after_last_user([{"role": "user"}, {"role": "assistant"}]) == [{"role": "assistant"}]
    assert after_last_user([{"role": "assistant"}]) == [{"role": "assistant"}]


async def replayed(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    session = RecordedSession(Recording(messages=tuple(messages)))
    return [(said, (await session.send(said)).response) for said in session.script]


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        ([{"role": "system", "content": "s"}, user("a"), assistant("b"), user("c"), assistant("d")], ["a:b", "c:d"]),
        ([assistant("welcome"), user("a"), assistant("b")], [":welcome", "a:b"]),
        ([user("a"), user("b"), assistant("c")], ["a:", "b:c"]),
        ([user("a"), assistant("b"), assistant("c")], ["a:b\nc"]),
        ([user([{"type": "text", "text": "a"}]), assistant([{"type": "text", "text": "b"}])], ["a:b"]),
        ([user("a")], ["a:"]),
        ([{"role": "system", "content": "s"}], []),
    ],
)
async def test_a_recording_is_cut_where_the_user_speaks(messages: list[dict[str, Any]], turns: list[str]) -> None:
    assert [f"{said}:{answered}" for said, answered in await replayed(messages)] == turns


def test_each_recording_is_an_attempt_and_fewer_may_be_asked_for() -> None:
    case = a_case(recordings=[{"messages": [user(text)], "data": {"n": text}} for text in "abc"])
    target = RecordedSessionFactory()
    assert [target.attempts(case, repetitions) for repetitions in (None, 2, 9)] == [3, 2, 3]
    session = target.open(case, attempt=2, thread_id="t")
    assert (session.script, session.recording) == (["b"], {"n": "b"})
