"""Evaluators written for LangSmith as assertions: what they may be, what they see, and what they may return."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.assertions.evaluators.transcript import openai_messages
from eval_pipeline.results.case_result import AssertionResult
from eval_pipeline_tests.building import a_call, a_case, a_result, a_scope, a_turn, result_of, results_of

CODE = """
import functools
from langsmith.evaluation import EvaluationResult, EvaluationResults, RunEvaluator, run_evaluator
from langsmith.evaluation.evaluator import comparison_evaluator
from langsmith.schemas import Example, Run

PROMPT = "the prompt"

def summary(outputs, reference_outputs, runs=None): return 1
def summary_of_old(runs, examples): return {"key": "s", "score": 1}
def comparing(runs, example): return [1, 0]
@comparison_evaluator
def compared(runs, example): return [1, 0]

class Class(RunEvaluator):
    def __init__(self, word="42"): self.word = word
    def evaluate_run(self, run, example=None, evaluator_run_id=None):
        return EvaluationResult(key="class", score=self.word in run.outputs["response"], comment="looked")
class Async(RunEvaluator):
    def evaluate_run(self, run, example=None, evaluator_run_id=None): raise AssertionError("not this one")
    async def aevaluate_run(self, run, example=None, evaluator_run_id=None):
        return EvaluationResults(results=[EvaluationResult(key="a", score=1), EvaluationResult(key="b", value="good")])
instance = Class("4")
@run_evaluator
async def decorated(run: Run, example: Example): return {"key": "decorated", "score": example.outputs["a"] == "42"}

def typed(run, example):
    assert isinstance(run, Run) and isinstance(example, Example)
    tools = [(child.name, child.inputs, child.outputs) for child in run.child_runs if child.run_type == "tool"]
    return {"score": tools == [("find", {"q": "x"}, {"output": "found"})] and run.total_tokens == 5}
def took(run): return {"key": "seconds", "score": (run.end_time - run.start_time).total_seconds() == 0}
async def awaited(inputs, outputs, reference_outputs): return outputs["response"] == reference_outputs["a"]
def no_extras(outputs, **others): return sorted(others) == []
def defaulted(outputs, reference_outputs=None): return reference_outputs is None
def attached(outputs, attachments): return attachments == {}
def limited(outputs, limit): return len(outputs["response"]) <= limit
def made(prompt, deep=()): return lambda outputs: {"key": prompt, "value": str(deep)}
def text_of(outputs, question, found): return [outputs, question, found] == ["42", "hello", 7]
def own_schema(outputs): return {"are_equal": True, "justification": "the same"}
def changing(outputs, reference_outputs):
    reference_outputs["list"].append("mine")
    outputs["messages"].clear()
    return True
partial = functools.partial(limited, limit=2)
def nothing(outputs): return None
def empty(outputs): return []
"""


@pytest.fixture
def suite_code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


async def of(folder: Path, name: str, **fields: Any) -> AssertionResult:
    events = [
        a_call("find", "1", q="x"),
        a_result("find", "found", "1"),
        {"type": "usage", "input_tokens": 3, "output_tokens": 2},
    ]
    case = a_case(reference={"a": "42", "list": []}, metadata={"found": 7})
    scope = a_scope(a_turn("42", *events), folder=folder, case=case)
    return await result_of({"type": "evaluator", "path": f"own.py:{name}", **fields}, scope)


@pytest.mark.parametrize(
    "name",
    ["instance", "Class", "decorated", "typed", "took", "awaited", "no_extras", "attached", "partial", "changing"],
)
async def test_whatever_langsmith_takes_is_called_as_langsmith_does(suite_code: Path, name: str) -> None:
    result = await of(suite_code, name)
    assert result.error is None, result.error.traceback
    assert (result.passed, result.score) == (True, 1.0)


async def test_a_class_may_be_given_arguments_and_report_several(suite_code: Path) -> None:
    missing = await of(suite_code, "Class", args={"word": "43"})
    assert (missing.passed, missing.name, missing.message) == (False, "class", "looked")
    both = await results_of({"type": "evaluator", "path": "own.py:Async"}, a_scope(a_turn("42"), folder=suite_code))
    assert [(item.name, item.score, item.label) for item in both] == [("a", 1.0, None), ("b", None, "good")]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("summary", "it scores a whole experiment"),
        ("summary_of_old", "it scores a whole experiment"),
        ("comparing", "it compares the runs"),
        ("compared", "it compares the runs"),
    ],
)
async def test_evaluators_of_experiments_are_refused_with_the_reason(suite_code: Path, name: str, why: str) -> None:
    result = await of(suite_code, name)
    assert result.error is not None
    assert result.error.name == "InputError"
    assert why in result.message


async def test_no_reference_is_as_good_as_an_empty_one(suite_code: Path) -> None:
    scope = a_scope(a_turn("42"), folder=suite_code)
    assert (await result_of({"type": "evaluator", "path": "own.py:defaulted"}, scope)).passed is True


async def test_what_one_evaluator_changes_no_other_sees(suite_code: Path) -> None:
    case = a_case(reference={"list": []})
    scope = a_scope(a_turn("42"), folder=suite_code, case=case)
    await result_of({"type": "evaluator", "path": "own.py:changing"}, scope)
    assert case.reference == {"list": []}
    assert scope.turns[0].response == "42"


async def test_arguments_may_be_imported_by_name(suite_code: Path) -> None:
    args = {"prompt": {"import": "own.py:PROMPT"}, "deep": [{"import": "own.py:PROMPT"}, {"a": 1}]}
    result = await of(suite_code, "made", factory=True, args=args)
    assert (result.name, result.label) == ("the prompt", "['the prompt', {'a': 1}]")
    wrong = await of(suite_code, "made", factory=True, args={"prompt": {"import": "own.py:NONE"}})
    assert "no attribute 'NONE'" in wrong.message
    assert (await of(suite_code, "limited", args={"limit": 1})).passed is False


async def test_values_may_be_picked_from_what_is_known(suite_code: Path) -> None:
    give = {"outputs": "outputs.response", "question": "inputs.input", "found": "metadata.found"}
    assert (await of(suite_code, "text_of", give=give)).passed is True
    number = await of(suite_code, "text_of", give={**give, "outputs": "json"})
    assert number.passed is False  # the answer read as JSON is a number
    nothing = await of(suite_code, "text_of", give={**give, "found": "metadata.lost"})
    assert "there is nothing at 'metadata.lost'" in nothing.message


async def test_a_result_of_another_shape_is_read_by_an_expression(suite_code: Path) -> None:
    result = await of(suite_code, "own_schema", returns="{score: are_equal, comment: justification}")
    assert (result.passed, result.message) == (True, "the same")
    assert "select these with `returns`" in (await of(suite_code, "own_schema")).message


async def test_no_result_is_an_error(suite_code: Path) -> None:
    result = await of(suite_code, "nothing")
    assert (result.passed, result.score) == (None, None)
    assert result.error is not None
    assert "Traceback" in result.error.traceback
    none = await of(suite_code, "empty")
    assert none.error is not None


@pytest.mark.parametrize(
    "fields",
    [{"give": {"outputs": "a["}}, {"returns": "{"}, {"args": {"p": {"import": "not a path"}}}],
)
def test_expressions_and_paths_that_cannot_be_read_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"JMESPath|import path"):
        a_case(assertions=[{"type": "evaluator", "path": "own.py:x", **fields}])


def test_a_transcript_has_the_shape_the_conversation_had() -> None:
    turn = a_turn(
        "done",
        {"type": "message", "content": "Let me look."},
        a_call("a", "1"),
        a_call("b", None, x=1),
        {"type": "usage", "input_tokens": 1},
        a_result("a", "A", "1"),
        a_result("b", "B", None),
        a_call("c", "3"),
        a_result("c", "C", "3"),
        said="go",
    )
    last = a_turn("", a_call("d", "4"), said="more", index=1)
    messages = openai_messages([turn, last, a_turn("", said="bye", index=2)])
    assert [
        (message["role"], message["content"], [call["function"]["name"] for call in message.get("tool_calls", [])])
        for message in messages
    ] == [
        ("user", "go", []),
        ("assistant", "Let me look.", ["a", "b"]),
        ("tool", "A", []),
        ("tool", "B", []),
        ("assistant", "", ["c"]),
        ("tool", "C", []),
        ("assistant", "done", []),
        ("user", "more", []),
        ("assistant", "", ["d"]),
        ("user", "bye", []),
        ("assistant", "", []),
    ]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert [messages[2]["tool_call_id"], messages[3]["tool_call_id"]] == ids
    assert messages[3]["name"] == "b"
