"""`gates:` in suite.yaml: short forms, fields, lists, and the errors of mistakes."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.spec.gates import Gates
from eval_pipeline_tests.building import write_suite, written_suite


def test_the_short_form_is_one_gate_that_blocks() -> None:
    gates = Gates.model_validate({"min_pass_rate": 0.9, "max_regression": "any"})
    assert [(gate.threshold, gate.slice, gate.action) for gate in gates.min_pass_rate] == [(0.9, None, "block")]
    assert [(gate.test, gate.threshold) for gate in gates.max_regression] == [("any", 0.0)]


def test_every_gate_has_a_name_of_its_own_that_dagster_takes() -> None:
    gates = {
        "min_pass_rate": [0.5, {"threshold": 0.9, "slice": "tag=a b"}, {"threshold": 0.6}],
        "max_regression": [{"metric": "tone"}, {"slice": "metadata.tier=*", "action": "warn"}],
    }
    assert list(Gates.model_validate(gates).named()) == [
        "min_pass_rate",
        "min_pass_rate__tag_a_b",
        "min_pass_rate_2",
        "max_regression__tone",
        "max_regression__metadata_tier_each",
    ]


@pytest.mark.parametrize(
    ("gates", "field", "message"),
    [
        ({"min_pass_rate": 1.9}, "gates.min_pass_rate", "1.9 should be less than or equal to 1"),
        ({"max_regression": "some"}, "gates.max_regression", "should be 'significant' or 'any'"),
        ({"max_cost_usd": {"threshold": -1}}, "gates.max_cost_usd.threshold", "greater than or equal to 0"),
        ({"max_error_rate": [{"threshold": 0, "slice": "smoke"}]}, "gates.max_error_rate[0].slice", "does not name"),
        ({"max_regression": {"metric": "a", "slice": "tag=b"}}, "gates.max_regression", "not both"),
        ({"max_regression": {"tresh": 1}}, "gates.max_regression", "unknown field 'tresh'"),
    ],
)
def test_a_mistake_is_reported_at_its_field(folder: Path, gates: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        written_suite(folder, gates=gates)
    (problem,) = caught.value.problems
    assert str(problem.field).startswith(field)
    assert message in problem.message


def test_a_slice_that_no_case_is_in_is_found_before_a_run(folder: Path) -> None:
    cases = [{"id": "c1", "input": "hello", "tags": ["refunds"], "metadata": {"tier": "gold"}}]
    gates = {
        "min_pass_rate": [{"threshold": 1, "slice": name} for name in ("tag=refunds", "tag=*", "metadata.tier=gold")],
        "max_error_rate": [{"threshold": 0, "slice": "tag=refund"}, {"threshold": 0, "slice": "metadata.plan=*"}],
    }
    problems = check_suite(write_suite(folder, cases=cases, gates=gates))[2]
    problems = [problem for problem in problems if str(problem.field).startswith("gates")]
    assert [(problem.field, problem.message) for problem in problems] == [
        ("gates.max_error_rate", "no case is in the slice 'tag=refund'"),
        ("gates.max_error_rate", "no case is in the slice 'metadata.plan=*'"),
    ]
    assert problems[0].fix == "use one of `tag=refunds`"
