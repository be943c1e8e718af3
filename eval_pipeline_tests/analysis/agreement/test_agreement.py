"""Human labels beside the results they are about."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_pipeline.analysis.agreement.agreement import Agreement, agreements
from eval_pipeline.analysis.agreement.human_labels import HumanLabel, read_labels
from eval_pipeline.errors import InputError
from eval_pipeline.results.case_result import AssertionResult, CaseResult, Vote
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion


def a_label(case_id: str, label: Any, assertion: str = "kind", **fields: Any) -> HumanLabel:
    return HumanLabel(case_id=case_id, assertion=assertion, label=label, **fields)


def a_case_result(case_id: str, *assertions: AssertionResult, attempt: int = 1) -> CaseResult:
    return a_result(case_id, attempt, assertions=assertions)


def only(results: list[CaseResult], labels: list[HumanLabel]) -> Agreement:
    (agreement,) = agreements(a_table(results), labels)
    return agreement


def test_verdicts_are_compared_with_yes_and_no() -> None:
    results = [a_case_result(f"c{index}", an_assertion("kind", passed=index % 2 == 0)) for index in range(20)]
    labels = [a_label(f"c{index}", index % 2 == 0 if index < 18 else index % 2 == 1) for index in range(20)]
    agreement = only(results, labels)
    assert (agreement.scale, agreement.pairs, agreement.cases) == ("yes or no", 20, 20)
    assert (agreement.unanswered, agreement.missing) == (0, 0)
    assert agreement.accuracy is not None
    assert agreement.accuracy.value == 0.9
    assert agreement.kappa is not None
    assert agreement.kappa.value == pytest.approx(0.8)
    assert agreement.spearman is not None
    assert agreement.spearman.value == pytest.approx(0.8)  # phi, of two yes-or-no scales
    assert list(agreement.confusion) == [(False, False, 9), (True, True, 9), (False, True, 1), (True, False, 1)]


def test_scores_are_compared_with_numbers() -> None:
    results = [a_case_result(f"c{index}", an_assertion("kind", passed=None, score=index / 10)) for index in range(10)]
    agreement = only(results, [a_label(f"c{index}", float(index**2)) for index in range(10)])
    assert (agreement.scale, agreement.accuracy, agreement.kappa) == ("numbers", None, None)
    assert agreement.spearman is not None
    assert agreement.kendall is not None
    assert agreement.spearman.value == pytest.approx(1.0)
    assert agreement.kendall.value == pytest.approx(1.0)


def test_labels_are_compared_as_categories_and_by_their_scores() -> None:
    scores = {"good": 1.0, "fair": 0.5, "bad": 0.0}
    labels = ["good", "fair", "bad", "good", "fair", "bad"]
    results = [
        a_case_result(f"c{index}", replace(an_assertion("kind", passed=None, score=scores[label]), label=label))
        for index, label in enumerate(labels)
    ]
    agreement = only(results, [a_label(f"c{index}", label) for index, label in enumerate([*labels[:5], "fair"])])
    assert agreement.scale == "labels"
    assert agreement.accuracy is not None
    assert agreement.accuracy.value == pytest.approx(5 / 6)
    assert agreement.spearman is not None
    assert agreement.spearman.value > 0.9


def test_what_broke_or_is_not_there_is_counted_and_not_compared() -> None:
    results = [
        a_case_result("c1", an_assertion("kind")),
        a_case_result("c2", an_assertion("kind", passed=None, broken=True)),
    ]
    agreement = only(results, [a_label(name, label=True) for name in ("c1", "c2", "c3")])
    assert (agreement.pairs, agreement.unanswered, agreement.missing) == (1, 1, 1)


@pytest.mark.slow
def test_each_judge_of_a_panel_is_compared_as_well() -> None:
    def voted(passed: dict[str, bool]) -> AssertionResult:
        votes = [
            Vote(model=name, passed=vote, score=float(vote), label=None, reasoning="", error=None)
            for name, vote in passed.items()
        ]
        return replace(an_assertion("kind", passed=sum(passed.values()) > 1), votes=votes)

    results = [
        a_case_result(f"c{index}", voted({"m1": index < 5, "m2": index < 5, "m3": index % 2 == 0}))
        for index in range(10)
    ]
    compared = agreements(a_table(results), [a_label(f"c{index}", index < 5) for index in range(10)])
    assert [item.judge for item in compared] == [None, "m1", "m2", "m3"]
    shares = [item.accuracy.value for item in compared if item.accuracy is not None]
    assert shares == [1.0, 1.0, 1.0, 0.6]


def test_a_label_of_one_of_several_attempts_must_say_which() -> None:
    results = [a_case_result("c1", an_assertion("kind", passed=attempt == 1), attempt=attempt) for attempt in (1, 2)]
    with pytest.raises(InputError, match="give its `attempt`"):
        only(results, [a_label("c1", label=True)])
    agreement = only(results, [a_label("c1", label=True, attempt=1), a_label("c1", label=False, attempt=2)])
    assert (agreement.pairs, agreement.cases) == (2, 1)


def test_labels_about_nothing_in_the_experiment_are_refused() -> None:
    with pytest.raises(InputError, match="its assertions: kind"):
        only([a_case_result("c1", an_assertion("kind"))], [a_label("c2", label=True)])


def test_a_label_of_a_metric_that_the_experiment_does_not_have_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no metric 'kin'.* did you mean 'kind'"):
        only([a_case_result("c1", an_assertion("kind"))], [a_label("c1", label=True, assertion="kin")])


ROWS: list[dict[str, Any]] = [
    {"case_id": "c1", "assertion": "kind", "label": True, "attempt": 2},
    {"case_id": "c2", "assertion": "kind", "label": 0.5, "turn": 1},
    {"case_id": "c3", "assertion": "kind", "label": "good"},
]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_labels_are_read_from_every_format_alike(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"labels.{kind}"
    if kind == "csv":
        file.write_text(
            "case_id,assertion,label,attempt,turn,by\nc1,kind,Pass,2,,ann\nc2,kind,0.5,,1,bob\nc3,kind,good,,,\n"
        )
    elif kind == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist([{**row, "label": str(row["label"])} for row in ROWS]), file)
    rows = [(item.case_id, item.label, item.attempt, item.turn) for item in read_labels(file)]
    if kind == "parquet":  # a column has one type, and Arrow infers it from the first row's fields
        assert rows == [("c1", True, 2, None), ("c2", 0.5, None, None), ("c3", "good", None, None)]
    else:
        assert rows == [("c1", True, 2, None), ("c2", 0.5, None, 1), ("c3", "good", None, None)]


def test_every_problem_of_a_file_of_labels_is_reported_at_once(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"case_id": "c"}\n[1]\n{"case_id": "c", "assertion": "a", "label": 1, "attempt": "x"}\n')
    with pytest.raises(InputError) as raised:
        read_labels(file)
    assert [problem.line for problem in raised.value.problems] == [1, 2, 3]
    for name, text in (("none.csv", None), ("labels.txt", "x"), ("broken.parquet", "x"), ("broken.jsonl", "{")):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(InputError):
            read_labels(tmp_path / name)
