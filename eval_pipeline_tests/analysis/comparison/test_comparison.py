"""An experiment held against another: paired by case, honest about what differs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.comparison.comparison import compare
from eval_pipeline.analysis.gates.regression import check_regressions
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import PinnedPrompt
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.spec.gates import RegressionGate
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.analysis.stored import keep_experiment, results_of
from eval_pipeline_tests.building import a_case


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_an_experiment_against_itself_shows_no_difference(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({f"c{n}": "pf" if n % 3 else "pp" for n in range(20)}))
    comparison = compare(store, "sample", experiment="a", baseline="a")
    rate = comparison.pass_rate
    assert rate is not None
    assert (rate.difference, rate.p_value, rate.change) == (0.0, 1.0, "unchanged")
    assert (comparison.cases, comparison.unchanged) == (20, 20)
    assert (comparison.improved, comparison.regressed, comparison.warnings) == ([], [], [])


def test_cases_are_sorted_into_improved_regressed_and_unchanged(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({"up": "ff", "down": "pp", "less": "pp", "same": "pf"}))
    keep_experiment(store, "b", results_of({"up": "pp", "down": "ff", "less": "pf", "same": "fp"}), day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert [change.case_id for change in comparison.improved] == ["up"]
    assert [(change.case_id, change.then, change.now) for change in comparison.regressed] == [
        ("down", 1.0, 0.0),
        ("less", 1.0, 0.5),
    ]
    assert comparison.unchanged == 1


def test_a_clear_drop_is_regressed_in_the_whole_and_in_the_slice_it_is_in(store: LocalStore) -> None:
    def results(letter: str) -> list[object]:
        bad = [a_result(f"x{n}", status="passed" if letter == "p" else "failed", tags=("refunds",)) for n in range(15)]
        return [*bad, *[a_result(f"y{n}", tags=("orders",)) for n in range(30)]]

    keep_experiment(store, "a", results("p"))  # type: ignore[arg-type]
    keep_experiment(store, "b", results("f"), day=2)  # type: ignore[arg-type]
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.pass_rate is not None
    assert comparison.pass_rate.change == "regressed"
    assert comparison.pass_rate.difference == pytest.approx(-1 / 3)
    assert {name: part.change for name, part in comparison.slices.items()} == {
        "split=base": "regressed",
        "tag=orders": "unchanged",
        "tag=refunds": "regressed",
    }
    assert set(comparison.slices["tag=refunds"].fell) == {f"x{n}" for n in range(15)}
    assert comparison.slices["tag=refunds"].p_value < comparison.slices["tag=refunds"].p_adjusted


def test_assertions_are_compared_by_their_scores(store: LocalStore) -> None:
    for name, scores in (("a", [0.5, 0.5, 0.5]), ("b", [0.75, 0.75, 0.5])):
        results = [a_result(f"c{n}", assertions=(an_assertion("tone", score=s),)) for n, s in enumerate(scores)]
        keep_experiment(store, name, results)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.metrics["tone"].difference == pytest.approx(0.5 / 3)
    assert (comparison.metrics["tone"].then, comparison.metrics["tone"].cases) == (0.5, 3)


def test_only_cases_that_both_attempted_count_and_the_rest_is_reported(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({"one": "p", "two": "p", "gone": "f"}))
    keep_experiment(store, "b", results_of({"one": "p", "two": "s", "new": "f"}), day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.cases == 1
    assert comparison.warnings == ["1 case was attempted only now and 2 cases were attempted only then"]


def test_a_case_that_changed_is_another_case(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({"one": "p", "two": "p"}), cases=[a_case("one"), a_case("two")])
    changed = [a_case("one"), a_case("two", input="something else")]
    keep_experiment(store, "b", results_of({"one": "p", "two": "f"}), cases=changed, dataset_version="d2", day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert (comparison.cases, comparison.regressed) == (1, [])
    assert comparison.warnings == ["the datasets differ (d1 then, d2 now); 1 case that changed is left out"]


def test_another_context_is_warned_of(store: LocalStore) -> None:
    for day, (name, context) in enumerate((("a", "x1"), ("b", "x2")), 1):
        keep_experiment(store, name, results_of({"one": "p"}), context_id=context, day=day)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.warnings == ["the shared contexts differ (x1 then, x2 now), which may cause differences"]


def test_experiments_without_a_case_in_common_have_nothing_to_compare(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({"one": "p"}))
    keep_experiment(store, "b", results_of({"two": "p"}), day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert (comparison.cases, comparison.pass_rate, comparison.metrics, comparison.slices) == (0, None, {}, {})


def test_an_experiment_that_is_not_there_is_reported(store: LocalStore) -> None:
    keep_experiment(store, "a", results_of({"one": "p"}))
    with pytest.raises(MissingUpstreamError, match="no experiment 'nope'"):
        compare(store, "sample", experiment="a", baseline="nope")


@pytest.mark.parametrize(
    ("then", "now", "warned"),
    [
        ({}, {"used": "file:safe.txt", "source": "file"}, "in the Hub then, and in the fallback file:safe.txt now"),
        ({"used": None, "commit": None, "source": "none"}, {}, "nowhere then, and in the Hub now"),
        (
            {},
            {"source": "cached", "steps": ("down", "old")},
            "in the Hub then, and in the cache, without asking the Hub now",
        ),
        ({}, {"source": "cached"}, None),
        ({"reference": "hub:a:one", "used": "hub:a:one"}, {}, None),
    ],
)
def test_prompts_that_were_found_in_different_ways_are_warned_of(
    store: LocalStore, then: dict[str, object], now: dict[str, object], warned: str | None
) -> None:
    hub = {"reference": "hub:a", "used": "hub:a", "commit": "1", "source": "hub", "steps": ("hub:a is 1",)}
    for day, (name, way) in enumerate((("a", then), ("b", now)), 1):
        pin = PinnedPrompt.model_validate({**hub, **way})
        keep_experiment(store, name, results_of({"one": "p"}), prompts={"target": pin}, day=day)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.warnings == ([f"the target's prompt was found {warned}"] if warned else [])


def measured(version: str | None, letters: str, **fields: Any) -> list[CaseResult]:
    """One result a letter, each decided by one metric of this version, beside one that never changes."""
    statuses = ["passed" if letter == "p" else "failed" for letter in letters]
    return [
        a_result(
            f"c{number}",
            status=status,
            assertions=(
                replace(an_assertion("tone", passed=status == "passed"), version=version, **fields),
                replace(an_assertion("length", passed=True), version="l1", weight=0.0),
            ),
        )
        for number, status in enumerate(statuses)
    ]


def test_a_changed_yardstick_is_no_regression(store: LocalStore) -> None:
    keep_experiment(store, "a", measured("t1", "p" * 20))
    keep_experiment(store, "b", measured("t2", "f" * 20), day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert (comparison.pass_rate, comparison.score, comparison.slices) == (None, None, {})
    assert [*comparison.metrics] == ["length"]
    assert comparison.changed_metrics == {"tone": 20}
    assert (comparison.regressed, comparison.unchanged) == ([], 0)
    assert comparison.warnings == [
        "the metric changed: tone; numbers by another yardstick are not compared, of 20 cases"
    ]
    gate = RegressionGate(metric="tone", test="significant")
    for name, each in (("tone", gate), ("rate", RegressionGate(test="significant"))):
        (result,) = check_regressions({name: (each, [None])}, [comparison])[name]
        assert result.passed
    (result,) = check_regressions({"tone": (gate, [None])}, [comparison])["tone"]
    assert "the metric changed (tone), which is no regression of the target" in result.message


def test_the_same_yardstick_is_compared_and_so_is_one_that_earlier_rows_do_not_say(store: LocalStore) -> None:
    for day, (name, version, letters) in enumerate(
        (("a", "t1", "p" * 20), ("b", "t1", "f" * 20), ("old", None, "p" * 20)), 1
    ):
        keep_experiment(store, name, measured(version, letters), day=day)
    for baseline in ("a", "old"):
        comparison = compare(store, "sample", experiment="b", baseline=baseline)
        assert comparison.pass_rate is not None
        assert (comparison.pass_rate.change, comparison.metrics["tone"].change) == ("regressed", "regressed")
        assert comparison.changed_metrics == {}


def test_only_the_cases_whose_yardstick_changed_are_left_out(store: LocalStore) -> None:
    keep_experiment(store, "a", measured("t1", "p" * 20))
    changed = [*measured("t2", "f" * 5), *measured("t1", "p" * 20)[5:]]
    keep_experiment(store, "b", changed, day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert comparison.pass_rate is not None
    assert (comparison.pass_rate.cases, comparison.pass_rate.difference, comparison.unchanged) == (15, 0.0, 15)
    assert (comparison.metrics["tone"].cases, comparison.changed_metrics) == (15, {"tone": 5})


def test_another_weight_changes_the_score_and_not_the_pass_rate(store: LocalStore) -> None:
    keep_experiment(store, "a", measured("t1", "p" * 4))
    keep_experiment(store, "b", measured("t1", "p" * 4, weight=0.5), day=2)
    comparison = compare(store, "sample", experiment="b", baseline="a")
    assert (comparison.score, comparison.changed_metrics) == (None, {})
    assert comparison.pass_rate is not None
