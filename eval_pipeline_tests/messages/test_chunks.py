"""Streams of every provider are joined into the messages that they make up."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from openai.types.chat import ChatCompletionChunk

from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline_tests.building import a_case

USAGE = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
CHUNKS: list[dict[str, Any]] = [
    {"content": "Tea "},
    {"content": "costs 4.20"},
    {"content": "", "usage_metadata": USAGE},
]
LANGCHAIN = [AIMessageChunk(**fields) for fields in CHUNKS]


def chat(delta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": None}] if delta else []
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **fields}


OPENAI_CHAT = [
    chat({"role": "assistant", "content": "Tea "}),
    chat({"content": "costs 4.20"}),
    chat({}, usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}),
]
RESPONSES = [
    {"type": "response.created", "response": {}},
    {"type": "response.output_text.delta", "delta": "Tea "},
    {"type": "response.output_text.delta", "delta": "costs 4.20"},
    {
        "type": "response.completed",
        "response": {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Tea costs 4.20"}]}
            ],
            "usage": {"input_tokens": 10, "output_tokens": 5},
        },
    },
]
ANTHROPIC = [
    {"type": "message_start", "message": {"role": "assistant", "model": "m", "usage": {"input_tokens": 10}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Tea "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "costs 4.20"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]
STREAMS: dict[str, list[Any]] = {
    "langchain": LANGCHAIN,
    "langgraph": [(chunk, {"langgraph_node": "n"}) for chunk in LANGCHAIN],
    "openai chat": OPENAI_CHAT,
    "openai chat objects": [ChatCompletionChunk.model_validate(chunk) for chunk in OPENAI_CHAT],
    "openai responses": RESPONSES,
    "anthropic": ANTHROPIC,
}


def sync_stream(items: list[Any]) -> Callable[[str], Iterator[Any]]:
    return lambda message: iter(items) if message is None else (item for item in items)


def async_stream(items: list[Any]) -> Callable[[str], AsyncIterator[Any]]:
    async def stream(message: str) -> AsyncIterator[Any]:  # noqa: ARG001 - a target's signature
        for item in items:
            yield item

    return stream


async def turn_of(target: Any) -> TurnResult:
    result = await EvalRunner(target=target).arun(a_case(input="tea?"))
    assert result.error is None, result.error.traceback
    return result.turns[0]


@pytest.mark.parametrize("streaming", [sync_stream, async_stream])
@pytest.mark.parametrize("form", STREAMS)
async def test_chunks_of_every_provider_are_one_answer_with_its_tokens(form: str, streaming: Any) -> None:
    turn = await turn_of(streaming(STREAMS[form]))
    assert turn.response == "Tea costs 4.20"
    assert turn.ttft_s is not None
    (usage,) = [event for event in turn.events if event["type"] == "usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (10, 5)


async def test_calls_in_chunks_are_calls_with_their_arguments() -> None:
    langchain = [
        AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args=args, id=call_id, index=0)])
        for name, args, call_id in (("find", "", "c1"), (None, '{"a": 1}', None))
    ]
    openai = [
        chat({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "find", "arguments": ""}}]}),
        chat({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}),
    ]
    start = {"type": "tool_use", "id": "c1", "name": "find", "input": {}}
    anthropic = [
        {"type": "message_start", "message": {"role": "assistant"}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
    ]
    for stream in (langchain, openai, anthropic):
        (event,) = (await turn_of(sync_stream(stream))).events
        assert event == {"type": "tool_call", "name": "find", "args": {"a": 1}, "id": "c1"}


async def test_a_stream_of_whole_messages_keeps_all_of_them() -> None:
    messages = [
        AIMessage("", tool_calls=[{"name": "find", "args": {}, "id": "c1"}]),
        ToolMessage("4.20", tool_call_id="c1", name="find"),
        AIMessage("Tea costs 4.20"),
    ]
    turn = await turn_of(sync_stream(messages))
    assert turn.response == "Tea costs 4.20"
    assert [event["type"] for event in turn.events] == ["tool_call", "tool_result"]
