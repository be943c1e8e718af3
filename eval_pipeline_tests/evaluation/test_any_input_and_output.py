"""Inputs of any form reach the target as they are written; whatever it returns reaches rows and evaluators."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.results.result_row import result_of_row, row_of, table_of
from eval_pipeline.suite.dataset.dataset import Dataset, cases_of_table
from eval_pipeline.suite.import_path import resolve
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator, evaluated

CODE = """
from typing import Any, TypedDict
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

GOT = []

class Price(BaseModel):
    product: str
    note: str | None = None

def keeps(message, history, inputs, case):
    GOT.append((message, history, inputs, case["inputs"]))
    return RETURNED["it"]

RETURNED = {"it": "red"}

class State(TypedDict, total=False):
    topic: str
    audience: str
    max_words: int
    title: str
    tags: list[str]

def write(state):
    GOT.append(dict(state))
    return {"title": state["topic"].title(), "tags": [state["audience"]]}

class Chat(TypedDict, total=False):
    messages: list
    lang: str

def answer(state):
    GOT.append(dict(state))
    return {"messages": [*state["messages"], {"role": "assistant", "content": "Ada"}]}

chat = StateGraph(Chat).add_node("answer", answer).add_edge(START, "answer").add_edge("answer", END).compile()
graph = StateGraph(State).add_node("write", write).add_edge(START, "write").add_edge("write", END).compile()
"""
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
BLOCKS = [{"type": "text", "text": "What colour?"}, IMAGE]
HISTORY = [{"role": "system", "content": "You are brief."}, {"role": "assistant", "content": "Hello Ada!"}]
ASKED = {"role": "user", "content": "What is my name?"}


@pytest.fixture
def module(folder: Path) -> dict[str, Any]:
    (folder / "own.py").write_text(CODE)
    namespace: dict[str, Any] = resolve("own.py:keeps", folder=folder).__globals__
    return namespace


PYTHON = {"kind": "python", "path": "own.py:keeps"}


@pytest.mark.parametrize(
    ("fields", "message", "history"),
    [
        ({"input": BLOCKS}, BLOCKS, []),
        ({"input": {"z": 1, "a": [None, 1.5]}}, {"z": 1, "a": [None, 1.5]}, []),
        ({"input": "and now?", "messages": HISTORY}, "and now?", HISTORY),
        ({"inputs": {"messages": [*HISTORY, ASKED]}}, "What is my name?", HISTORY),
        ({"inputs": {"topic": "tea", "n": 2}}, {"topic": "tea", "n": 2}, []),
        ({"inputs": {"question": "why?"}}, "why?", []),
        ({"inputs": {"topic": "tea", "n": 2}, "input": "tea"}, "tea", []),
    ],
)
async def test_a_target_gets_what_is_written(
    folder: Path, module: dict[str, Any], fields: dict[str, Any], message: Any, history: Any
) -> None:
    case = a_case(**fields)
    await evaluated(a_suite(folder, target=PYTHON), case)
    got = module["GOT"][-1]
    assert json.dumps(got[:2]) == json.dumps([message, history])
    assert json.dumps(got[2]) == json.dumps(got[3]) == json.dumps(fields.get("inputs", case.example_inputs()))


async def test_a_graph_gets_all_inputs_and_its_state_is_the_outputs(folder: Path, module: dict[str, Any]) -> None:
    target = {"kind": "langgraph", "path": "own.py:graph", "input_key": "topic", "output_key": "title"}
    inputs = {"topic": "tea", "audience": "kids", "max_words": 12}
    for fields in ({"inputs": inputs}, {"inputs": inputs, "input": "tea"}):
        result = await evaluated(a_suite(folder, target=target), a_case(**fields))
        assert module["GOT"][-1] == inputs
        assert result.turns[0].response == "Tea"
        assert result.turns[0].outputs == {**inputs, "title": "Tea", "tags": ["kids"]}


async def test_a_graph_gets_messages_as_the_dataset_has_them(folder: Path, module: dict[str, Any]) -> None:
    inputs = {"messages": [*HISTORY, {**ASKED, "content": BLOCKS}], "lang": "en"}
    result = await evaluated(
        a_suite(folder, target={"kind": "langgraph", "path": "own.py:chat"}), a_case(inputs=inputs)
    )
    assert json.dumps(module["GOT"][-1]) == json.dumps(inputs)
    assert result.turns[0].response == "Ada"


@pytest.mark.parametrize(
    "returned", ["red", "", None, 5, [1, {"a": None}], {"response": "red", "documents": [{"n": 1}]}]
)
async def test_a_row_holds_input_and_outputs_as_they_were(folder: Path, module: dict[str, Any], returned: Any) -> None:
    module["RETURNED"]["it"] = returned
    case = a_case(input={"z": 1, "a": 2})
    result = await an_evaluator(a_suite(folder, target=PYTHON)).evaluate(Attempt(case=case, number=1))
    (row,) = table_of([result]).to_pylist()
    again = result_of_row(row)
    assert (again.turns[0].input, again.turns[0].outputs) == ({"z": 1, "a": 2}, returned)
    assert again.turns == result.turns


async def test_the_text_may_be_chosen_by_a_path(folder: Path, module: dict[str, Any]) -> None:
    module["RETURNED"]["it"] = {"title": "Tea", "tags": ["kids"]}
    chosen = await evaluated(a_suite(folder, target={**PYTHON, "text": "outputs.title"}), a_case())
    assert (chosen.turns[0].response, chosen.turns[0].outputs["tags"]) == ("Tea", ["kids"])
    missing = await evaluated(a_suite(folder, target={**PYTHON, "text": "outputs.no"}), a_case())
    assert missing.error is not None
    assert "the answer has nothing at 'outputs.no'" in missing.error.message


async def test_rows_of_earlier_versions_are_text(folder: Path, module: dict[str, Any]) -> None:
    module["RETURNED"]["it"] = "red"
    result = await an_evaluator(a_suite(folder, target=PYTHON)).evaluate(Attempt(case=a_case(), number=1))
    row = row_of(result)
    for name in ("inputs", "outputs", "messages", "state"):
        assert row["turns"][0].pop(name) is None
    assert result_of_row(row).turns == result.turns


def test_a_stored_case_keeps_the_order_of_its_keys_and_its_hash_does_not_depend_on_it() -> None:
    one, other = (
        a_case(inputs=json.loads(text))
        for text in ('{"z": 1, "a": {"y": 1, "b": 2}}', '{"a": {"b": 2, "y": 1}, "z": 1}')
    )
    assert one.content_hash() == other.content_hash()
    (read,) = cases_of_table(Dataset.of([one]).to_table()).values()
    assert read is not None
    assert json.dumps(read.inputs) == json.dumps(one.inputs)
