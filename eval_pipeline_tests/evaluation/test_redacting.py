"""Text of people and models in a result is redacted, in every field that it has or will have."""

from dataclasses import fields, replace

from eval_pipeline.evaluation.redacting import redacted_result
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import AssertionResult, EvaluationError, TurnResult, Vote
from eval_pipeline_tests.analysis.rows import a_result

MAIL = "ann@example.com"
BROKE = EvaluationError(name=MAIL, message=MAIL, traceback=MAIL)
VOTE = Vote(model="m", passed=None, score=None, label=MAIL, reasoning=MAIL, error=MAIL)
ASSERTION = AssertionResult(
    name=MAIL,
    type="llm_rubric",
    turn=0,
    passed=True,
    score=1.0,
    weight=1.0,
    message=MAIL,
    label=MAIL,
    error=BROKE,
    votes=[VOTE],
)
EVENT = {"type": "tool_call", "name": MAIL, "args": {MAIL: [MAIL], "password": "x", "n": 1}, "id": "1"}
TURN = TurnResult(index=0, input=MAIL, response=MAIL, events=[EVENT], latency_s=1.5)


def test_every_text_of_a_result_is_redacted_and_its_ids_and_numbers_stay() -> None:
    result = replace(a_result("c1"), tags=(MAIL,), split=MAIL, assertions=(ASSERTION,), turns=(TURN,), error=BROKE)

    redacted = redacted_result(result, Redactor())

    assert MAIL not in str(redacted)
    assert redacted.turns[0].events[0]["args"] == {
        "[redacted:email]": ["[redacted:email]"],
        "password": "[redacted:secret]",
        "n": 1,
    }
    assert (redacted.turns[0].latency_s, redacted.case_id, redacted.attempt) == (1.5, "c1", 1)
    assert [field.name for field in fields(redacted)] == [field.name for field in fields(result)]


def test_a_result_without_anything_is_returned_itself() -> None:
    result = a_result("c1")
    assert redacted_result(result, Redactor()) is result


def test_half_a_surrogate_pair_keeps_nothing_from_being_redacted() -> None:
    turn = TurnResult(index=0, input="\ud800", response=MAIL, events=[], latency_s=0.0)
    redacted = redacted_result(replace(a_result("c1"), turns=(turn,)), Redactor())
    assert redacted.turns[0].response == "[redacted:email]"
