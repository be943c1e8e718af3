"""Messages of every provider are read into one form, and an unknown form is refused by name."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, RemoveMessage, ToolMessage, message_to_dict
from openai.types.chat import ChatCompletion

from eval_pipeline.errors import InputError
from eval_pipeline.messages import answer_of, as_langchain, as_openai, is_message, messages_in, read_messages

ARGS = {"sku": "T-1"}
ASKED, CALLED, RETURNED, ANSWERED = ("user", "tea?"), ("find", ARGS, "c1"), ("c1", "4.20", False), "It costs 4.20"

OPENAI_CHAT = [
    {"role": "user", "content": [{"type": "text", "text": "tea?"}, {"type": "image_url", "image_url": {"url": "x"}}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"sku": "T-1"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "4.20"},
    {"role": "assistant", "content": "It costs 4.20"},
]
OPENAI_RESPONSES = [
    {"role": "user", "content": [{"type": "input_text", "text": "tea?"}]},
    {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "look it up"}]},
    {"type": "function_call", "id": "fc", "call_id": "c1", "name": "find", "arguments": '{"sku": "T-1"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "4.20"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It costs 4.20"}]},
]
ANTHROPIC = [
    {"role": "user", "content": "tea?"},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "look it up", "signature": "s"},
            {"type": "tool_use", "id": "c1", "name": "find", "input": ARGS},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "4.20"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "It costs 4.20"}]},
]
LANGCHAIN = [
    HumanMessage("tea?"),
    AIMessage("", tool_calls=[{"name": "find", "args": ARGS, "id": "c1"}]),
    ToolMessage("4.20", tool_call_id="c1", name="find"),
    AIMessage("It costs 4.20"),
]
LANGCHAIN_JS = [
    {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", name], "kwargs": fields}
    for name, fields in (
        ("HumanMessage", {"content": "tea?", "additional_kwargs": {}, "response_metadata": {}}),
        ("AIMessageChunk", {"content": "", "tool_calls": [{"name": "find", "args": ARGS, "id": "c1"}]}),
        ("ToolMessage", {"content": "4.20", "tool_call_id": "c1", "name": "find"}),
        ("AIMessage", {"content": "It costs 4.20"}),
    )
]
LANGGRAPH_SDK = [message.model_dump() for message in LANGCHAIN]
MESSAGES_TO_DICT = [message_to_dict(message) for message in LANGCHAIN]
GEMINI = [
    {"role": "user", "parts": [{"text": "tea?"}]},
    {"role": "model", "parts": [{"functionCall": {"name": "find", "args": ARGS, "id": "c1"}}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "find", "id": "c1", "response": "4.20"}}]},
    {"role": "model", "parts": [{"thought": True, "text": "hm"}, {"text": "It costs 4.20"}]},
]
BEDROCK = [
    {"role": "user", "content": [{"text": "tea?"}]},
    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "find", "input": ARGS}}]},
    {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "4.20"}]}}]},
    {"role": "assistant", "content": [{"text": "It costs 4.20"}]},
]
AI_SDK = [
    ["user", "tea?"],
    {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "find", "input": ARGS}],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "c1",
                "toolName": "find",
                "output": {"type": "text", "value": "4.20"},
            }
        ],
    },
    ("ai", "It costs 4.20"),
]
FORMS: dict[str, list[Any]] = {
    "openai chat": OPENAI_CHAT,
    "openai responses": OPENAI_RESPONSES,
    "anthropic": ANTHROPIC,
    "langchain": LANGCHAIN,
    "langchain.js": LANGCHAIN_JS,
    "langgraph sdk": LANGGRAPH_SDK,
    "messages_to_dict": MESSAGES_TO_DICT,
    "gemini": GEMINI,
    "bedrock": BEDROCK,
    "pairs and the AI SDK": AI_SDK,
    "a batch of one": [OPENAI_CHAT],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_conversation_is_the_same_in_every_form(form: str) -> None:
    messages = read_messages(FORMS[form])
    assert [(m.role, m.text) for m in messages if m.role == "user"] == [ASKED]
    assert [(call.name, call.args, call.id) for m in messages for call in m.calls] == [CALLED]
    assert [(m.result.id, m.result.content, m.result.failed) for m in messages if m.result] == [RETURNED]
    assert messages[-1].readable == ANSWERED
    events = answer_of(messages)[1]
    result = {"type": "tool_result", "name": "find", "id": "c1", "content": "4.20"}
    assert [event for event in events if event["type"] == "tool_result"] == [result]


@pytest.mark.parametrize("form", FORMS)
def test_a_conversation_stays_the_same_when_written_for_openai_or_langchain(form: str) -> None:
    messages = read_messages(FORMS[form])
    assert answer_of(read_messages([as_openai(message) for message in messages])) == answer_of(messages)
    for_langchain = answer_of(read_messages(as_langchain(FORMS[form] if form != "a batch of one" else OPENAI_CHAT)))
    assert for_langchain[0] == ANSWERED
    assert [event["type"] for event in for_langchain[1] if event["type"] != "reasoning"] == ["tool_call", "tool_result"]


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "refusal", "refusal": "I cannot."}]),
        AIMessage("", additional_kwargs={"refusal": "I cannot."}),
        {"role": "assistant", "content": None, "refusal": "I cannot."},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]},
        {"type": "ai", "content": "", "additional_kwargs": {"refusal": "I cannot."}},
        {"type": "ai", "data": {"content": [{"type": "refusal", "refusal": "I cannot."}]}},
    ],
)
def test_a_refusal_is_what_a_person_reads(message: Any) -> None:
    (read,) = read_messages(message)
    assert (read.readable, read.refusal) == ("I cannot.", "I cannot.")
    assert read_messages([as_openai(read)])[0].readable == "I cannot."


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("yes", additional_kwargs={"reasoning_content": "hm"}),
        AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "yes"}]),
        AIMessage([{"type": "thinking", "thinking": "hm"}, "yes"]),
        {"role": "assistant", "content": "yes", "reasoning_content": "hm"},
        {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "yes"}]},
    ],
)
def test_reasoning_is_no_part_of_the_answer(message: Any) -> None:
    text, events = answer_of(read_messages(message))
    assert (text, events) == ("yes", [{"type": "reasoning", "content": "hm"}])


INVALID = {"type": "invalid_tool_call", "name": "refund", "args": '{"order": "A', "id": "c1", "error": "no JSON"}


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("", invalid_tool_calls=[INVALID]),
        AIMessage("", invalid_tool_calls=[INVALID]).model_dump(),
        {
            "role": "assistant",
            "tool_calls": [{"id": "c1", "function": {"name": "refund", "arguments": '{"order": "A'}}],
        },
        {"type": "function_call", "call_id": "c1", "name": "refund", "arguments": '{"order": "A'},
    ],
)
def test_a_call_with_arguments_that_are_no_json_is_a_call_that_was_tried(message: Any) -> None:
    (call,) = read_messages(message)[0].calls
    assert (call.name, call.args, call.id, call.valid) == ("refund", {"unparsed": '{"order": "A'}, "c1", False)


@pytest.mark.parametrize(
    "message",
    [
        ToolMessage("no", tool_call_id="c1", status="error"),
        {"type": "tool", "content": "no", "tool_call_id": "c1", "status": "error"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "no"}], "status": "error"}}],
        },
    ],
)
def test_an_error_of_a_tool_stands_in_its_result(message: Any) -> None:
    (event,) = answer_of(read_messages(message))[1]
    assert (event["content"], event["error"]) == ("no", True)


def test_tools_that_a_provider_runs_itself_are_calls_and_what_follows_is_the_answer() -> None:
    content = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "tea"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]},
        {"type": "text", "text": "4.20"},
    ]
    searched = {"type": "web_search_call", "id": "w1", "status": "completed", "action": {"query": "tea"}}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4.20"}]}
    for messages in ([{"role": "assistant", "content": content}], {"object": "response", "output": [searched, said]}):
        text, events = answer_of(read_messages(messages))
        assert text == "4.20"
        assert [event["name"] for event in events if event["type"] == "tool_call"] == ["web_search"]


def test_whole_responses_are_read_with_their_usage() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    chat = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    anthropic = {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 2},
    }
    responses = {
        "object": "response",
        "model": "m",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}],
        "usage": {"input_tokens": 5, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 3}},
    }
    for response in (chat, ChatCompletion.model_validate(chat), anthropic, responses):
        text, (event,) = answer_of(messages_in(response) or [])
        assert text == "hi"
        tokens = (event["input_tokens"], event["output_tokens"], event["cached_tokens"], event["model"])
        assert tokens == (5, 2, 3, "m")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([{"speaker": "user", "line": "hi"}], "a mapping with 'speaker', 'line'"),
        ([{"role": "critic", "content": "hi"}], "a message of the role 'critic'"),
        ([ChatMessage(content="hi", role="critic")], "a message of the role 'critic'"),
        ([HumanMessage("hi"), ["a", "b", "c"]], "a list of 3 that is no pair"),
        ([["tea?", "coffee?"], ["x"]], "a batch of 2 lists"),
        ([object()], "an object of the type 'object'"),
        ([{"lc": 1, "type": "constructor", "id": ["x", "Document"], "kwargs": {}}], "named Document"),
    ],
)
def test_an_unknown_form_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(InputError, match=named):
        read_messages(value)


def test_a_list_of_two_texts_is_two_messages_and_a_list_in_a_list_is_a_pair() -> None:
    assert [message.text for message in read_messages(["user", "hi"])] == ["user", "hi"]
    assert [message.text for message in read_messages([["user", "hi"]])] == ["hi"]
    assert [message.text for message in read_messages(("user", "hi"))] == ["hi"]


def test_a_list_of_which_one_item_is_no_message_is_none() -> None:
    message = {"role": "assistant", "content": "hi"}
    assert [messages_in(value) for value in ([message, 5], ["hi", message], [{"a": 1}, message])] == [None] * 3


def test_what_is_no_message_is_none() -> None:
    assert [messages_in(value) for value in ("hi", 5, None, {"a": 1}, [1], [], [{"a": 1}])] == [None] * 7
    assert [is_message(value) for value in ("hi", {"a": 1}, HumanMessage("x"), ["user", "x"])] == [False] * 2 + [
        True
    ] * 2
    assert read_messages([RemoveMessage(id="1"), "hi"])[0].role == "user"
