"""Conversations of every library are shown by who wrote what, and nothing that was written is code or is fetched."""

import re
from typing import Any

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, messages_to_dict

from eval_pipeline.pages.conversation import conversation, last_text, messages_in, of_turns
from eval_pipeline.pages.diff import side_by_side
from eval_pipeline.pages.markdown import markdown
from eval_pipeline.pages.showing import conversation_html, value_html

CALL = {"name": "get_order", "args": {"id": "O-1"}, "id": "c1"}
SPOKEN = [
    HumanMessage("Where is O-1?"),
    AIMessage("", tool_calls=[{**CALL, "type": "tool_call"}]),
    ToolMessage('{"status": "sent"}', tool_call_id="c1", name="get_order"),
    AIMessage("It was **sent**."),
]
OPENAI = [
    {"role": "user", "content": "Where is O-1?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": '{"id": "O-1"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"status": "sent"}'},
    {"role": "assistant", "content": [{"type": "text", "text": "It was **sent**."}]},
]
TURN = {
    "input": "Where is O-1?",
    "response": "It was **sent**.",
    "events": [
        {"type": "tool_call", "name": "get_order", "args": '{"id": "O-1"}', "id": "c1"},
        {"type": "tool_result", "name": "get_order", "content": '{"status": "sent"}', "id": "c1"},
    ],
}


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [message.model_dump() for message in SPOKEN]},
        {"messages": [dumpd(message) for message in SPOKEN]},
        [[dumpd(message) for message in SPOKEN]],
        {"messages": messages_to_dict(SPOKEN)},
        {"messages": OPENAI},
    ],
    ids=["model_dump", "dumpd", "batch of dumpd", "messages_to_dict", "OpenAI"],
)
def test_messages_of_every_form_are_the_same_conversation(value: Any) -> None:
    shown = str(conversation_html(messages_in(value)))
    assert shown == str(conversation_html(of_turns([TURN])))
    assert re.findall(r'class="message (\w+)"', shown) == ["user", "agent"]
    assert "<strong>sent</strong>" in shown
    arguments, result = shown.split('class="sides"')[1].split("Result")
    assert "O-1" in arguments
    assert "<dt>status</dt>" in result


def test_a_model_s_answer_follows_its_prompt_and_a_history_is_not_repeated() -> None:
    prompt = [message.model_dump() for message in SPOKEN[:3]]
    answer = {"generations": [[{"text": "x", "message": dumpd(SPOKEN[3])}]], "llm_output": None}
    whole = {"messages": [message.model_dump() for message in SPOKEN]}
    asked = {"messages": ["Where is O-1?"]}
    for inputs, outputs in (({"messages": [prompt]}, answer), (asked, whole), ({"messages": prompt}, whole)):
        shown = conversation(inputs, outputs)
        assert [message.text for message in shown if message.blocks] == ["Where is O-1?", "It was **sent**."]
        assert [call.has_result for message in shown for call in message.calls] == [True]
    assert last_text(whole, of="agent") == "It was **sent**."
    assert conversation({"question": "x"}, {"answer": "y"}) == []


def test_a_value_with_more_than_messages_loses_nothing() -> None:
    shown = value_html({"messages": OPENAI, "order": {"id": "O-1"}})
    assert "<dt>order</dt>" in shown
    assert 'class="message user"' in shown


def test_hostile_text_is_text_and_images_of_markdown_are_inert() -> None:
    hostile = (
        "<script>alert(1)</script> ![a](http://evil.example/p.png) [b](javascript:alert(1)) [c](https://x.example)"
    )
    turn = {
        "input": hostile,
        "response": f"**{hostile}**",
        "events": [{"type": "tool_call", "name": hostile, "args": {hostile: hostile}}],
        "outputs": {hostile: [hostile]},
    }
    shown = str(conversation_html(of_turns([turn])))
    elements = ["div", "span", "p", "strong", "a", "details", "summary", "dl", "dt", "dd", "ol", "li"]
    assert set(re.findall(r"<(\w+)", shown)) <= set(elements)
    assert re.findall(r'(?:href|src)="([^"]*)"', shown) == ["https://x.example"]
    assert not re.search(r"<[^>]+\son\w+=", shown)


def test_plain_text_and_markdown_keep_their_lines() -> None:
    assert markdown("one\ntwo\n\nthree") == "<p>one<br>\ntwo</p>\n<p>three</p>"
    assert markdown("one *two*\nthree") == "<p>one <em>two</em><br>\nthree</p>\n"


def test_large_parts_of_a_value_are_folded_and_name_what_they_hold() -> None:
    shown = str(value_html({"small": {"a": 1}, "large": {"text": "x" * 500, "more": 2}}))
    assert shown.count("<details") == 1
    assert "<summary>{text, more}</summary>" in shown


def test_the_difference_of_two_texts_is_in_their_words() -> None:
    left, right = side_by_side("It costs 15 EUR.", "It costs 20 EUR!")
    assert [(piece.change, piece.text) for piece in left] == [
        *(("same", "It costs "), ("removed", "15"), ("same", " EUR"), ("removed", "."))
    ]
    assert [piece.text for piece in right if piece.change == "added"] == ["20", "!"]
    assert "".join(piece.text for piece in right) == "It costs 20 EUR!"
