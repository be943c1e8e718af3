"""The forms of a turn's input, and the text that is read of each."""

from typing import Any

import pytest

from eval_pipeline.content.inputs import history_and_input, input_form, input_messages, input_text

USER, ASSISTANT = {"role": "user", "content": "What is my name?"}, {"role": "assistant", "content": "Hello Ada!"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
BLOCKS = [{"type": "text", "text": "What colour?"}, IMAGE]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ("hi", "text", "hi"),
        ("", "text", ""),
        (BLOCKS, "blocks", "What colour?"),
        (["a", IMAGE], "blocks", "a"),
        (USER, "message", "What is my name?"),
        ({"type": "human", "content": "hi", "id": "1"}, "message", "hi"),
        ({"lc": 1, "id": ["x", "HumanMessage"], "kwargs": {"content": "hi"}}, "message", "hi"),
        ([ASSISTANT, USER], "messages", "What is my name?"),
        ([USER, ASSISTANT], "messages", "What is my name?"),
        ([["system", "be brief"], ["human", "hi"]], "messages", "hi"),
        ({"topic": "tea", "audience": "kids"}, "mapping", '{"topic": "tea", "audience": "kids"}'),
        ({"question": "why?", "context": ["c"]}, "mapping", "why?"),
        ({"messages": [USER], "lang": "en"}, "mapping", "What is my name?"),
        ({"role": "engineer", "content": "a job"}, "mapping", '{"role": "engineer", "content": "a job"}'),
        ({"type": "human", "name": "Ada"}, "mapping", '{"type": "human", "name": "Ada"}'),
        ({}, "mapping", "{}"),
    ],
)
def test_an_input_has_one_form_and_a_text(value: Any, form: str, text: str) -> None:
    assert (input_form(value), input_text(value)) == (form, text)


@pytest.mark.parametrize("value", [None, 5, True, [], [1, 2], ["a", "b"], [["a", 1]]])
def test_what_has_no_form_is_no_input(value: Any) -> None:
    assert input_form(value) is None


def test_an_input_as_messages_keeps_content_as_it_is() -> None:
    assert input_messages(BLOCKS) == [{"role": "user", "content": BLOCKS}]
    assert input_messages([ASSISTANT, USER]) == [ASSISTANT, USER]
    assert input_messages(USER) == [USER]


@pytest.mark.parametrize(
    ("inputs", "history", "asked"),
    [
        ({"messages": [ASSISTANT, USER]}, [ASSISTANT], "What is my name?"),
        ({"messages": [[ASSISTANT, USER]]}, [ASSISTANT], "What is my name?"),
        ({"messages": [ASSISTANT, {**USER, "id": "1"}]}, [ASSISTANT], {**USER, "id": "1"}),
        ({"messages": [{"type": "human", "content": BLOCKS}]}, [], BLOCKS),
        ({"messages": [["ai", "hi"], ["human", "hello"]]}, [["ai", "hi"]], "hello"),
        ({"messages": [ASSISTANT, USER], "lang": "en"}, [ASSISTANT], "What is my name?"),
        ({"messages": [USER, ASSISTANT]}, [], [USER, ASSISTANT]),
        ({"question": "why?"}, [], "why?"),
        ({"input": BLOCKS}, [], BLOCKS),
        ({"question": "why?", "context": "c"}, [], {"question": "why?", "context": "c"}),
        ({"question": None}, [], {"question": None}),
        ({}, [], {}),
        ("hi", [], "hi"),
        (5, [], {"input": 5}),
    ],
)
def test_inputs_of_an_example_are_one_turn_after_a_history(inputs: Any, history: list[Any], asked: Any) -> None:
    assert history_and_input(inputs) == (history, asked)
