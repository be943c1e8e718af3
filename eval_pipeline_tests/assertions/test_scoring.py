"""What becomes of a verdict, and callables as assertions in this project's form and in LangSmith's."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import TransientError
from eval_pipeline.evaluation.outcome import overall_score, status_of
from eval_pipeline.results.case_result import AssertionResult
from eval_pipeline.suite.spec.assertion import ASSERTIONS, Assertion
from eval_pipeline_tests.building import a_call, a_case, a_result, a_scope, a_turn, result_of, results_of

CODE = """
import numpy as np
from langsmith.evaluation import EvaluationResult, run_evaluator
from eval_pipeline.errors import TransientError

def answer(response): return response == "42"
def half(response): return 0.5
def whole(response): return 1
def too_much(response): return 2
def nothing(response): return None
def passed_as_text(response): return {"passed": "false"}
def passed_as_number(response): return {"passed": 0, "score": 1.0}
def score_as_text(response): return {"score": "0.5"}
def score_as_bool(response): return {"score": False}
def mapping(response, reference, limit=0):
    return {"passed": limit > 3, "score": 0.25, "message": reference["a"], "label": "l"}
def everything(**known):
    names = ["response", "turns", "events", "case", "reference", "metadata", "recording", "context"]
    return sorted(known) == sorted(names)
def other_name(said): return said == "42"
def wants_more(response, weather, mood): return True
async def later(response, turns): return turns[0]["response"] == response
class Object:
    async def __call__(self, response): return response == "42"
instance = Object()
def breaks(response): raise ValueError("no luck")
def infra(response): raise TransientError("the store is away", fix="wait")

def keyed(outputs, reference_outputs): return {"key": "match", "score": outputs["output"] == reference_outputs["a"]}
def several(inputs, outputs): return [{"key": "a", "score": 1}, {"key": "b", "score": 0.5, "comment": "so so"}]
def wrapped(inputs): return {"results": [{"key": "a", "value": "good"}]}
def text(outputs): return "good"
def old_style(run, example):
    same = run.outputs["response"] == example.outputs["a"]
    return EvaluationResult(key="old", score=same, comment=str(example.metadata))
@run_evaluator
def decorated(run, example): return {"key": "run", "score": 0.75}
def made_by(word): return lambda outputs: {"key": "has", "score": word in outputs["response"]}
def keywords_only(*, outputs, **others): return {"key": "n", "score": len(outputs["messages"]) / 10}
def numpy_bool(response="42"): return np.bool_(response == "42")
def numpy_float(**known): return np.float32(0.5)
def numpy_mapping(response): return {"passed": np.bool_(True), "score": np.float64(0.25)}
def numpy_keyed(outputs): return {"key": "k", "score": np.bool_(True)}
def by_position(root_run, dataset_example): return root_run.outputs["response"] == dataset_example.outputs["a"]
def wrong(outputs): return {"verdict": 1}
def scored_as_text(outputs): return {"key": "k", "score": "false"}
def unnamed(outputs): return 1
"""


@pytest.fixture
def suite_code(folder: Path) -> Path:
    (folder / "own.py").write_text(CODE)
    return folder


@pytest.mark.parametrize("kind", ASSERTIONS.classes())
def test_every_type_that_can_be_written_can_be_checked(kind: type[Assertion]) -> None:
    assert kind.check is not Assertion.check
    assert kind.examples


async def _one(folder: Path, attribute: str, kind: str = "python", **fields: Any) -> AssertionResult:
    scope = a_scope(a_turn("42"), folder=folder, case=a_case(reference={"a": "42"}, metadata={"m": 1}))
    return await result_of({"type": kind, "path": f"own.py:{attribute}", **fields}, scope)


@pytest.mark.parametrize("name", ["answer", "other_name", "later", "instance", "everything"])
async def test_a_callable_gets_what_its_signature_asks_for(suite_code: Path, name: str) -> None:
    result = await _one(suite_code, name)
    assert (result.passed, result.score, result.error) == (True, 1.0, None)


async def test_a_number_is_a_score_that_decides_nothing_without_a_threshold(suite_code: Path) -> None:
    bare = await _one(suite_code, "half")
    assert (bare.passed, bare.score) == (None, 0.5)
    assert (await _one(suite_code, "half", threshold=0.5)).passed is True
    assert (await _one(suite_code, "half", threshold=0.51)).passed is False
    assert (await _one(suite_code, "whole")).score == 1.0


async def test_a_mapping_may_say_everything_and_args_reach_the_callable(suite_code: Path) -> None:
    result = await _one(suite_code, "mapping", args={"limit": 4}, name="mine")
    assert (result.name, result.passed, result.score, result.message, result.label) == ("mine", True, 0.25, "42", "l")
    negated = await _one(suite_code, "mapping", args={"limit": 4}, negate=True)
    assert (negated.passed, negated.score) == (False, 0.75)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("breaks", "ValueError", "no luck"),
        ("too_much", "InputError", "scale scores into"),
        ("nothing", "InputError", "returned None"),
        ("passed_as_text", "InputError", "returned `passed: 'false'`, which is no bool"),
        ("passed_as_number", "InputError", "returned `passed: 0`, which is no bool"),
        ("score_as_text", "InputError", "gave the score '0.5', which is no number"),
        ("wants_more", "SignatureError", "asks for weather, mood"),
        ("gone", "InputError", "no attribute 'gone'"),
    ],
)
async def test_what_an_assertion_raises_is_data_and_never_a_zero(
    suite_code: Path, name: str, error: str, message: str
) -> None:
    result = await _one(suite_code, name)
    assert (result.passed, result.score) == (None, None)
    assert result.error is not None
    assert result.error.name == error
    assert message in result.error.message
    assert "Traceback" in result.error.traceback
    assert status_of([result], None) == "error"
    assert overall_score([result]) is None


async def test_an_evaluator_whose_score_is_text_is_an_error(suite_code: Path) -> None:
    result = await _one(suite_code, "scored_as_text", kind="evaluator")
    assert result.error is not None
    assert "gave the score 'false', which is no number" in result.error.message


async def test_a_bool_decides_wherever_it_stands(suite_code: Path) -> None:
    result = await _one(suite_code, "score_as_bool")
    assert (result.passed, result.score) == (False, 0.0)


@pytest.mark.parametrize(("kind", "name"), [("python", "half"), ("evaluator", "unnamed")])
async def test_the_metric_of_an_unnamed_callable_is_its_name(suite_code: Path, kind: str, name: str) -> None:
    assert (await _one(suite_code, name, kind=kind)).name == name
    assert (await _one(suite_code, "breaks", kind=kind)).name == "breaks"


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([True, None], "passed"),
        ([True, False], "failed"),
        ([None, None], "unscored"),
        ([], "unscored"),
    ],
)
async def test_a_case_that_nothing_decided_did_not_pass(verdicts: list[bool | None], status: str) -> None:
    results = [
        AssertionResult(name="m", type="t", turn=None, passed=passed, score=0.0, weight=1.0, message="")
        for passed in verdicts
    ]
    assert status_of(results, None) == status
    without_weight = [replace(result, weight=0.0) for result in results]
    assert status_of(without_weight, None) == "unscored"


async def test_an_attempt_of_which_an_assertion_broke_has_no_score(suite_code: Path) -> None:
    results = [await _one(suite_code, "answer"), await _one(suite_code, "breaks")]
    assert (status_of(results, None), overall_score(results)) == ("error", None)
    assert overall_score(results[:1]) == 1.0


async def test_the_world_failing_is_not_data(suite_code: Path) -> None:
    with pytest.raises(TransientError, match="the store is away"):
        await _one(suite_code, "infra")


async def test_cancelling_is_not_data(folder: Path) -> None:
    (folder / "own.py").write_text("import asyncio\nasync def slow(response):\n    await asyncio.sleep(30)\n")
    task = asyncio.create_task(_one(folder, "slow"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("name", "key", "passed", "score"),
    [
        ("keyed", "match", True, 1.0),
        ("old_style", "old", True, 1.0),
        ("decorated", "run", None, 0.75),
        ("keywords_only", "n", None, 0.2),
    ],
)
async def test_evaluators_of_every_signature_are_called_unchanged(
    suite_code: Path, name: str, key: str, *, passed: bool | None, score: float
) -> None:
    result = await _one(suite_code, name, "evaluator")
    assert (result.error, result.name, result.passed, result.score) == (None, key, passed, score)


async def test_an_evaluator_may_report_several_metrics(suite_code: Path) -> None:
    scope = a_scope(a_turn("42"), folder=suite_code)
    result = await results_of({"type": "evaluator", "path": "own.py:several", "threshold": 0.6}, scope)
    assert [(item.name, item.score, item.passed, item.message) for item in result] == [
        ("a", 1.0, True, ""),
        ("b", 0.5, False, "so so"),
    ]


@pytest.mark.parametrize("name", ["text", "wrapped"])
async def test_an_evaluator_may_give_a_label_only(suite_code: Path, name: str) -> None:
    result = await _one(suite_code, name, "evaluator")
    assert (result.passed, result.score, result.label, result.error) == (None, None, "good", None)


async def test_an_evaluator_may_be_made_by_a_factory(suite_code: Path) -> None:
    assert (await _one(suite_code, "made_by", "evaluator", factory=True, args={"word": "4"})).passed is True


async def test_what_langsmith_would_not_accept_is_refused(suite_code: Path) -> None:
    result = await _one(suite_code, "wrong", "evaluator")
    assert result.error is not None
    assert "own.py:wrong" in result.error.message


async def test_evaluators_of_openevals_are_called_unchanged(folder: Path) -> None:
    (folder / "own.py").write_text(
        "import json\nfrom openevals.exact import exact_match\nfrom openevals.json import create_json_match_evaluator\n"
        "matcher = create_json_match_evaluator(aggregator='all')\n"
        "def as_json(*, outputs, reference_outputs):\n"
        "    return matcher(outputs=json.loads(outputs['output']), reference_outputs=reference_outputs)\n"
    )
    scope = a_scope(a_turn('{"a": 1, "b": 2}'), folder=folder, case=a_case(reference={"a": 1, "b": 2}))
    exact = await result_of({"type": "evaluator", "path": "own.py:exact_match"}, scope)
    assert (exact.error, exact.name, exact.score) == (None, "exact_match", 0.0)
    matched = await results_of({"type": "evaluator", "path": "own.py:as_json"}, scope)
    assert [(item.error, item.score) for item in matched] == [(None, 1.0)]


async def test_the_conversation_reaches_evaluators_as_openai_messages(folder: Path) -> None:
    (folder / "own.py").write_text("def seen(outputs, inputs):\n    return str([outputs['messages'], inputs])\n")
    turn = a_turn("done", a_call("find", "1", q="x"), a_result("find", "{}", "1"))
    result = await result_of({"type": "evaluator", "path": "own.py:seen"}, a_scope(turn, folder=folder))
    assert result.label is not None
    messages, inputs = eval(result.label)  # noqa: S307, RUF100 - what the line above wrote
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"q": "x"}'}
    assert messages[2]["tool_call_id"] == messages[1]["tool_calls"][0]["id"] == "1"
    assert inputs == {"input": "hello", "messages": ["hello"]}


def a_verdict(*, passed: bool | None, score: float | None, weight: float) -> AssertionResult:
    return AssertionResult(name="n", type="t", turn=None, passed=passed, score=score, weight=weight, message="")


verdicts = st.builds(
    a_verdict,
    passed=st.sampled_from([True, False, None]),
    score=st.none() | st.floats(0, 1),
    weight=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
)


@given(st.lists(verdicts, max_size=6), st.lists(st.floats(0, 1), max_size=3))
@settings(max_examples=80, deadline=None)
def test_a_weight_of_zero_is_reported_and_decides_nothing(results: list[AssertionResult], scores: list[float]) -> None:
    beside = [a_verdict(passed=False, score=score, weight=0.0) for score in scores]
    assert overall_score([*results, *beside]) == overall_score(results)
    assert status_of([*results, *beside], None) == status_of(results, None)
    overall = overall_score(results)
    deciding = [item.score for item in results if item.score is not None and item.weight]
    assert overall is None if not deciding else min(deciding) - 1e-9 <= (overall or 0.0) <= max(deciding) + 1e-9


@pytest.mark.parametrize(("scale", "expected"), [([0, 10], 0.7), ([10, 0], 0.3), ([5, 9], 0.5)])
async def test_an_evaluators_scale_is_mapped_into_0_to_1(folder: Path, scale: list[float], expected: float) -> None:
    (folder / "own.py").write_text("def seven(outputs):\n    return {'key': 'seven', 'score': 7}\n")
    result = await result_of(
        {"type": "evaluator", "path": "own.py:seven", "scale": scale}, a_scope(a_turn("x"), folder=folder)
    )
    assert pytest.approx(expected) == result.score


async def test_a_score_outside_the_scale_is_an_error_with_its_fix(folder: Path) -> None:
    (folder / "own.py").write_text("def seven(outputs):\n    return 7\n")
    result = await result_of({"type": "evaluator", "path": "own.py:seven"}, a_scope(a_turn("x"), folder=folder))
    assert (result.passed, result.score) == (None, None)
    assert "give its range as `scale: [worst, best]`" in result.message


@pytest.mark.parametrize(
    ("name", "passed", "score"),
    [("numpy_bool", True, 1.0), ("numpy_float", None, 0.5), ("numpy_mapping", True, 0.25)],
)
async def test_scalars_of_numpy_are_taken_as_pythons_own(
    suite_code: Path, name: str, passed: Any, score: float
) -> None:
    scope = a_scope(a_turn("42"), folder=suite_code)
    result = await result_of({"type": "python", "path": f"own.py:{name}"}, scope)
    assert (result.error, result.passed, result.score) == (None, passed, score)


@pytest.mark.parametrize("name", ["numpy_bool", "numpy_float", "numpy_keyed"])
async def test_evaluators_may_return_scalars_of_numpy(suite_code: Path, name: str) -> None:
    result = await result_of({"type": "evaluator", "path": f"own.py:{name}"}, a_scope(a_turn("42"), folder=suite_code))
    assert (result.error, result.score) == (None, 0.5 if name == "numpy_float" else 1.0)


async def test_an_evaluator_of_two_parameters_under_other_names_gets_run_and_example(suite_code: Path) -> None:
    scope = a_scope(a_turn("42"), folder=suite_code, case=a_case(reference={"a": "42"}))
    result = await result_of({"type": "evaluator", "path": "own.py:by_position"}, scope)
    assert (result.error, result.score) == (None, 1.0)
