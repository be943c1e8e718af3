"""The feedback an attempt has."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from eval_pipeline.langsmith.protocol.rules import validate_feedback
from eval_pipeline.results.case_result import AssertionResult, CaseResult, EvaluationError
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.tracing.experiment.feedback import evaluator_keys, feedback_of, keys_of

START = dt.datetime(2026, 11, 21, 4, 0, tzinfo=dt.UTC)
RUN, EVALUATOR, SESSION = (f"0000000{n}-0000-4000-8000-000000000000" for n in range(3))


def an_assertion(name: str = "polite", **fields: Any) -> AssertionResult:
    values = {"type": "contains", "turn": None, "passed": True, "score": 1.0, "weight": 1.0, "message": "found"}
    return AssertionResult(name=name, **{**values, **fields})


def a_result(*assertions: AssertionResult, **fields: Any) -> CaseResult:
    base = CaseResult(
        suite="desk",
        experiment="desk-1",
        case_id="c1",
        attempt=2,
        variant=None,
        split="base",
        tags=(),
        status="passed",
        score=0.123456,
        assertions=assertions,
        turns=(),
        started_at=START,
        latency_s=0.1,
        tokens=TokenUsage(),
        cost_usd=None,
        context_id=None,
        dataset_version="v",
        target_version="t",
        fingerprint="f",
    )
    return replace(base, **fields)


def feedback(result: CaseResult) -> dict[str, dict[str, Any]]:
    scores = feedback_of(
        result, run_id=RUN, trace_id=RUN, session_id=SESSION, start_time=START, evaluator_run_id=EVALUATOR
    )
    assert not [broken for item in scores for broken in validate_feedback(item)]
    return {item["key"]: item for item in scores}


def test_each_assertion_and_the_verdict_have_one_at_its_place() -> None:
    scores = feedback(a_result(an_assertion()))
    assert list(scores) == ["polite", "passed", "score"]
    polite = scores["polite"]
    assert (polite["run_id"], polite["trace_id"], polite["session_id"]) == (RUN, RUN, SESSION)
    assert polite["start_time"] == "2026-11-21T04:00:00.000000+00:00"
    assert polite["feedback_source"]["metadata"]["__run"] == {"run_id": EVALUATOR}
    assert (polite["score"], polite["comment"]) == (1.0, "found")
    assert scores["score"]["score"] == 0.1235
    assert (scores["passed"]["score"], scores["passed"]["value"]) == (1.0, "passed")


def test_asked_again_it_has_the_same_ids() -> None:
    first, second = (feedback(a_result(an_assertion())) for _ in range(2))
    assert [item["id"] for item in first.values()] == [item["id"] for item in second.values()]
    assert len({item["id"] for item in first.values()}) == 3


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        (an_assertion(passed=False, score=None), {"score": 0.0}),
        (an_assertion(passed=None, score=0.3), {"score": 0.3}),
        (an_assertion(passed=None, score=None, label="friendly"), {"value": "friendly"}),
        (
            an_assertion(passed=None, score=None, error=EvaluationError(name="ValueError", message="no", traceback="")),
            {"comment": "ValueError: no", "error": True},
        ),
    ],
)
def test_pass_or_fail_score_label_and_error_are_distinguished(
    assertion: AssertionResult, expected: dict[str, Any]
) -> None:
    polite = feedback(a_result(assertion))["polite"]
    assert {key: polite[key] for key in ("score", "value", "error") if key in polite} == {
        key: value for key, value in expected.items() if key != "comment"
    }
    assert polite["comment"] == expected.get("comment", "found")


def test_keys_tell_turns_and_namesakes_apart() -> None:
    assertions = [
        an_assertion("polite", turn=0),
        an_assertion("polite", turn=1),
        an_assertion("alone", turn=1),
        an_assertion("twin"),
        an_assertion("twin"),
        an_assertion("passed"),
    ]
    assert keys_of(assertions) == ["polite · turn 1", "polite · turn 2", "alone", "twin · 1", "twin · 2", "passed · 2"]


def test_long_names_and_comments_stay_within_limits() -> None:
    scores = feedback(a_result(*[an_assertion("x" * 300, message="y" * 10_000)] * 2))
    assert len(scores) == 5
    assert all(len(key) <= 180 for key in scores)
    assert all(len(item.get("comment", "")) <= 4_000 for item in scores.values())


def test_a_secret_is_taken_out_before_a_comment_is_cut() -> None:
    message = "y" * 3_980 + " sk-proj-" + "a1B2" * 10
    assert "sk-" not in feedback(a_result(an_assertion(message=message)))["polite"]["comment"]


def test_a_skipped_attempt_has_no_verdict() -> None:
    assert feedback(a_result(status="skipped", score=None)) == {}


def test_an_experiment_announces_the_keys_of_its_rows() -> None:
    assert evaluator_keys(["polite", "polite"]) == ["polite", "passed", "score"]
