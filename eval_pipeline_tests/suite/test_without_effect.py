"""A field that has no effect where it stands is refused, with its place."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.spec.assertion import ASSERTIONS
from eval_pipeline.suite.without_effect import _DECIDING
from eval_pipeline_tests.building import write_suite

ECHO = "eval_pipeline_tests.fakes:echo"
SCORING = {"similarity", "llm_rubric", "llm_score", "llm_preference", "python", "evaluator"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"target": {"kind": "python", "path": ECHO, "options": {"a": 1}}}, "target.options"),
        (
            {"target": {"kind": "chat", "model": "openai:x", "system": "s", "system_file": "cases.yaml"}},
            "target.system",
        ),
        ({"context": {"tables": {"t": {"file": "t.json", "text_columns": ["a"]}}}}, "context.tables.t.text_columns"),
        (
            {"context": {"documents": {"source": {"file": "t.json"}, "retrieval": {"model": "a:b"}}}},
            "context.documents.retrieval.model",
        ),
        ({"evaluation": {"budget_of": "experiment"}}, "evaluation.budget_of"),
        ({"judge": {"model": "openai:x", "combine": "mean"}}, "judge.combine"),
        ({"assertions": [{"type": "contains", "value": "x", "threshold": 0.5}]}, "assertions[0].threshold"),
    ],
)
def test_a_field_of_suite_yaml_without_effect_is_refused(folder: Path, fields: dict[str, Any], field: str) -> None:
    (folder / "t.json").write_text("[]")
    (problem,) = check_suite(write_suite(folder, **fields))[2]
    assert (problem.field, problem.file) == (field, folder / "suite.yaml")
    assert "no effect" in problem.message


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": "x", "on_interrupt": "yes"}, "on_interrupt"),
        ({"simulation": {"rules": [{"say": "hi"}], "persona": "angry"}, "input": "x"}, "simulation.persona"),
        ({"input": "x", "assertions": [{"type": "max_turns", "value": 1, "threshold": 1}]}, "assertions[0].threshold"),
    ],
)
def test_a_field_of_a_case_without_effect_is_refused(folder: Path, fields: dict[str, Any], field: str) -> None:
    asserted = {"assertions": [{"type": "contains", "value": "x"}], **fields}
    (problem,) = check_suite(write_suite(folder, cases=[{"id": "a", **asserted}]))[2]
    assert (problem.case, problem.field) == ("a", field)


def test_every_type_of_assertion_either_decides_or_scores() -> None:
    assert not _DECIDING & SCORING
    assert set(ASSERTIONS.names()) >= _DECIDING | SCORING
