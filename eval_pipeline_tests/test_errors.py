"""Errors: what they say, and that they survive the way between processes."""

import pickle
from pathlib import Path

import pytest

from eval_pipeline import errors
from eval_pipeline.errors import EvalPipelineError, InfrastructureError, InputError, Problem


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(message="m", fix="f"), "m. Fix: f."),
        (Problem(message="m", fix="did you mean 'x'?"), "m. Fix: did you mean 'x'?"),
        (
            Problem(message="m", fix="f", file=Path("a.yaml"), line=3, case="c", field="x[0]"),
            "a.yaml:3 · case c · x[0]: m. Fix: f.",
        ),
        (Problem(message="m", fix="f", file="a.yaml", case="0"), "a.yaml · case 0: m. Fix: f."),
    ],
)
def test_a_problem_says_place_cause_and_fix(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_input_error_carries_every_problem_one_a_line() -> None:
    problems = [Problem(message=name, fix="f") for name in "ab"]
    assert str(InputError(iter(problems))) == "a. Fix: f.\nb. Fix: f."
    assert InputError(problems[0]).problems == (problems[0],)


def kinds_of(base: type[EvalPipelineError]) -> list[type[EvalPipelineError]]:
    """`base` and what `errors.py` derives from it."""
    children = [child for child in base.__subclasses__() if child.__module__ == errors.__name__]
    return [base, *[kind for child in children for kind in kinds_of(child)]]


@pytest.mark.parametrize("kind", kinds_of(InfrastructureError))
def test_an_infrastructure_error_survives_pickling(kind: type[InfrastructureError]) -> None:
    again = pickle.loads(pickle.dumps(kind("the store is away", fix="wait")))
    assert type(again) is kind
    assert (again.message, again.fix, str(again)) == ("the store is away", "wait", "the store is away. Fix: wait.")


def test_an_input_error_survives_pickling() -> None:
    error = InputError([Problem(message="m", fix="f", case="c"), Problem(message="n", fix="f")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_only_transient_errors_are_tried_again_and_only_input_errors_are_the_users() -> None:
    kinds = kinds_of(EvalPipelineError)
    assert {kind for kind in kinds if kind.retryable} == set(kinds_of(errors.TransientError))
    assert {kind for kind in kinds if kind.exit_code == 2} == set(kinds_of(InputError))
    assert {kind.exit_code for kind in kinds_of(InfrastructureError)} == {3}
