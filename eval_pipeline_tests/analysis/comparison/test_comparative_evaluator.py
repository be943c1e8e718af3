"""Comparative evaluators written for LangSmith decide between the answers of two experiments."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.comparison.comparative_evaluator import evaluator_preferences
from eval_pipeline.analysis.comparison.preferences import Preferences
from eval_pipeline.errors import InputError
from eval_pipeline.results.case_result import CaseResult, TurnResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.analysis.stored import keep_experiment
from eval_pipeline_tests.building import a_case

EVALUATORS = """
def shorter(runs, example):
    assert example.outputs["answer"] == "r"
    return {"key": "shorter", "scores": {run.id: -len(run.outputs["text"]) for run in runs}, "comment": "by length"}

def listed(outputs, reference_outputs):
    return [len(each["text"]) for each in outputs]

async def later(runs, example):
    return {"key": "later", "scores": {run.id: place for place, run in enumerate(runs)}}

def broken(runs, example):
    raise ValueError("no")

def alone(text):
    return 1
"""


def attempts(*texts: str) -> list[CaseResult]:
    return [
        a_result(
            f"c{number}",
            turns=(TurnResult(index=0, input="x", response=text, events=(), latency_s=0, outputs={"text": text}),),
        )
        for number, text in enumerate(texts)
    ]


def preferred(tmp_path: Path, name: str) -> Preferences:
    (tmp_path / "evs.py").write_text(EVALUATORS)
    store = LocalStore(tmp_path / "store")
    cases = [a_case(f"c{number}", reference={"answer": "r"}) for number in range(3)]
    keep_experiment(store, "old", attempts("long answer", "same", "a"), cases=cases)
    keep_experiment(store, "new", attempts("short", "same", "longer"), cases=cases, day=2)
    return evaluator_preferences(
        store, "sample", experiment="new", baseline="old", path=f"evs.py:{name}", folder=tmp_path, limit=10
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shorter", ["now", "tie", "then"]),
        ("listed", ["then", "tie", "now"]),
        ("later", ["now", "now", "now"]),
        ("broken", [None, None, None]),
    ],
)
def test_every_form_of_the_sdk_decides(tmp_path: Path, name: str, expected: Any) -> None:
    preferences = preferred(tmp_path, name)
    assert [one.preferred for one in preferences.preferences] == expected
    assert (preferences.rate is None) == (name == "broken")


def test_why_says_the_scores_and_the_comment(tmp_path: Path) -> None:
    assert preferred(tmp_path, "shorter").preferences[0].why == "-11 then, -5 now: by length"
    assert preferred(tmp_path, "broken").preferences[0].why == "ValueError: no"


def test_what_compares_no_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compares no runs"):
        preferred(tmp_path, "alone")
