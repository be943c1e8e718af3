"""Results that are no scores: labels, numbers without bounds, metrics over all cases; and the gates on all of them."""

import random
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import scipy
from pydantic import ValidationError

from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.results_frame import load_results
from eval_pipeline.analysis.summary import summary_of
from eval_pipeline.analysis.verdict import ExperimentVerdict, read_verdict, verdict_of, write_verdict
from eval_pipeline.results.case_result import AssertionResult, CaseResult, TurnResult
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.spec.summary import SummaryMetric
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion
from eval_pipeline_tests.analysis.stored import a_spec, keep_experiment
from eval_pipeline_tests.building import a_case


@pytest.fixture
def store(tmp_path: Any) -> LocalStore:
    return LocalStore(tmp_path)


def a_label(label: str | None, name: str = "tone") -> AssertionResult:
    return an_assertion(name, passed=None, score=None, label=label)


def a_value(value: float | None, name: str = "length", worst: float | None = None) -> AssertionResult:
    return an_assertion(name, passed=None, score=None, value=value, worst=worst)


def attempts(*assertions: AssertionResult | None, **fields: Any) -> list[CaseResult]:
    """An attempt at a case of its own for each assertion; None is an attempt that ended in an error."""
    return [
        a_result(f"c{number}", status="error", score=None, assertions=())
        if each is None
        else a_result(f"c{number}", status="unscored", score=None, assertions=(each,), **fields)
        for number, each in enumerate(assertions)
    ]


def judged(store: LocalStore, results: list[CaseResult], **spec: Any) -> ExperimentVerdict:
    return verdict_of(store, a_spec(**spec), keep_experiment(store, "e", results))


def the_gate(store: LocalStore, results: list[CaseResult], **gates: Any) -> GateResult:
    (gate,) = judged(store, results, gates=gates).gates
    return gate


KIND, RUDE = a_label("kind"), a_label("rude")


def test_the_distribution_of_a_label_is_in_summary_and_table(store: LocalStore) -> None:
    record = keep_experiment(store, "e", attempts(KIND, KIND, RUDE, KIND))
    verdict = verdict_of(store, a_spec(), record)
    shares = verdict.summary.labels["tone"]
    assert {label: share.mean for label, share in shares.items()} == {"kind": 0.75, "rude": 0.25}
    assert shares["rude"].low < 0.25 < shares["rude"].high
    assert list(load_results(store, "sample", "e")["label.tone"]) == ["kind", "kind", "rude", "kind"]
    write_verdict(store, record, verdict)
    assert read_verdict(store, "sample", "e").summary.labels["tone"]["kind"].mean == 0.75


def test_a_case_counts_once_in_the_share_of_a_label() -> None:
    rows = [a_result("a", number, status="unscored", assertions=(RUDE if number == 1 else KIND,)) for number in (1, 2)]
    rows.append(a_result("b", status="unscored", assertions=(KIND,)))
    shares = summary_of(a_table(rows), suite="s", experiment="e").labels["tone"]
    assert {label: share.mean for label, share in shares.items()} == {"kind": 0.75, "rude": 0.25}


@pytest.mark.parametrize(
    ("gate", "outcome", "observed"),
    [
        ({"min_share": {"metric": "tone", "label": "kind", "threshold": 0.7}}, "passed", 0.75),
        ({"min_share": {"metric": "tone", "label": "kind", "threshold": 0.8}}, "failed", 0.75),
        ({"min_share": {"metric": "tone", "label": "kind", "threshold": 0.8, "by": "interval"}}, "passed", 0.75),
        ({"max_share": [{"metric": "tone", "label": "rude", "threshold": 0.2}]}, "failed", 0.25),
        ({"max_share": {"metric": "tone", "label": "never", "threshold": 0}}, "passed", 0.0),
        ({"min_share": {"metric": "mood", "label": "kind", "threshold": 0}}, "undecided", None),
    ],
)
def test_gates_decide_by_the_share_of_a_label(store: LocalStore, gate: Any, outcome: str, observed: Any) -> None:
    result = the_gate(store, attempts(KIND, KIND, RUDE, KIND), **gate)
    assert (result.outcome, result.observed) == (outcome, observed), result.message


def test_an_error_is_the_worst_label(store: LocalStore) -> None:
    low = {"min_share": {"metric": "tone", "label": "kind", "threshold": 0.5}}
    high = {"max_share": {"metric": "tone", "label": "rude", "threshold": 0.4}}
    observed = [gate.observed for gate in judged(store, attempts(KIND, None), gates=low | high).gates]
    assert observed == [0.5, 0.5]


NUMBERS = [3.0, 10.0, 250.0, 7.0, 30.0]


def test_numbers_without_bounds_have_mean_median_and_percentiles(store: LocalStore) -> None:
    results = attempts(*map(a_value, NUMBERS), None)
    numbers = judged(store, results).summary.numbers["length"]
    assert (numbers.mean, numbers.median, numbers.n) == (fmean(NUMBERS), 10.0, 5)
    assert numbers.percentiles["p95"] == pytest.approx(np.percentile(NUMBERS, 95))
    expected = scipy.stats.t.interval(0.95, 4, loc=fmean(NUMBERS), scale=scipy.stats.sem(NUMBERS))
    assert (numbers.low, numbers.high) == pytest.approx(expected)
    assert load_results(store, "sample", "e")["value.length"].dropna().tolist() == NUMBERS


@pytest.mark.parametrize(
    ("gate", "outcome"),
    [
        ({"min_score": {"metric": "length", "threshold": 60}}, "passed"),
        ({"max_score": {"metric": "length", "threshold": 59}}, "failed"),
        ({"max_score": {"metric": "length", "threshold": 59, "by": "interval"}}, "passed"),
        ({"max_score": {"metric": "lenght", "threshold": 59}}, "undecided"),
    ],
)
def test_gates_decide_by_numbers_without_bounds(store: LocalStore, gate: Any, outcome: str) -> None:
    assert the_gate(store, attempts(*map(a_value, NUMBERS)), **gate).outcome == outcome


def test_an_error_of_a_metric_without_bounds_counts_its_worst_or_leaves_the_gate_undecided(store: LocalStore) -> None:
    gate = {"max_score": {"metric": "length", "threshold": 100}}
    undecided = the_gate(store, attempts(a_value(3.0), None), **gate)
    assert (undecided.outcome, "give the assertion `worst`" in undecided.message) == ("undecided", True)
    broken = a_result("z", status="error", score=None, assertions=(a_value(None, worst=500.0),))
    decided = judged(LocalStore(Path(store.root) / "b"), [*attempts(a_value(3.0, worst=500.0)), broken], gates=gate)
    assert decided.gates[0].observed == pytest.approx(251.5)


def scored(*scores: float | None) -> list[CaseResult]:
    return [
        a_result(f"c{number}", status="error", score=None, assertions=())
        if score is None
        else a_result(
            f"c{number}", status="unscored", score=score, assertions=(an_assertion("m", passed=None, score=score),)
        )
        for number, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("gate", "outcome", "observed"),
    [
        ({"min_score": 0.5}, "passed", 0.6),
        ({"min_score": 0.7}, "failed", 0.6),
        ({"min_score": {"metric": "m", "threshold": 0.7}}, "failed", 0.6),
        ({"max_score": {"metric": "m", "threshold": 0.5}}, "failed", 0.6),
        ({"max_score": [{"metric": "m", "threshold": 0.7}]}, "passed", 0.6),
        ({"min_score": {"metric": "m", "threshold": 0.7, "by": "interval"}}, "passed", 0.6),
    ],
)
def test_gates_decide_by_the_mean_of_any_metric(store: LocalStore, gate: Any, outcome: str, observed: float) -> None:
    result = the_gate(store, scored(0.4, 0.8), **gate)
    assert result.outcome == outcome, result.message
    assert result.observed == pytest.approx(observed)
    assert result.low is not None


def test_an_error_is_the_worst_score_whichever_is_better(store: LocalStore) -> None:
    gates = {"min_score": [0.1, {"metric": "m", "threshold": 0.1}], "max_score": {"metric": "m", "threshold": 0.1}}
    observed = [gate.observed for gate in judged(store, scored(0.5, None), gates=gates).gates]
    assert observed == pytest.approx([0.25, 0.25, 0.75])


def test_gates_decide_by_each_slice(store: LocalStore) -> None:
    results = [*scored(0.2), a_result("z", split="hard", status="unscored", score=1.0, assertions=(a_value(9.0),))]
    gates = {"min_score": {"metric": "length", "threshold": 9, "slice": "split=hard"}}
    assert judged(store, results, gates=gates).gates[0].outcome == "passed"


def test_names_of_gates_tell_metrics_and_labels_apart() -> None:
    gates = {
        "min_score": [0.5, {"metric": "m", "threshold": 1}],
        "min_share": {"metric": "tone", "label": "very kind", "threshold": 1},
    }
    assert list(a_spec(gates=gates).gates.named()) == ["min_score", "min_score__m", "min_share__tone__very_kind"]


# -- over all cases

LABELS = [("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "no"), ("yes", "yes"), ("no", "yes")]
"""Predicted, and expected."""


def predicting(*pairs: tuple[Any, Any]) -> tuple[list[CaseResult], list[Any]]:
    turns = [
        TurnResult(index=0, input="x", response=str(one), events=(), latency_s=0, outputs={"label": one})
        for one, _ in pairs
    ]
    results = [
        a_result(f"c{number}", status="unscored", score=None, assertions=(), turns=(turn,))
        for number, turn in enumerate(turns)
    ]
    return results, [a_case(f"c{number}", reference={"label": other}) for number, (_, other) in enumerate(pairs)]


COMPARED = {"predicted": "outputs.label", "expected": "reference.label"}


def overall(store: LocalStore, results: list[CaseResult], cases: Any = None, **metric: Any) -> Any:
    record = keep_experiment(store, "e", results, cases=cases)
    folder = Path(store.root)
    return verdict_of(store, a_spec(summary=[metric]), record, folder=folder).summary.overall


@pytest.mark.parametrize(
    ("measure", "positive", "expected"),
    [
        ("accuracy", None, 4 / 6),
        ("precision", "yes", 2 / 3),
        ("recall", "yes", 2 / 3),
        ("f1", "yes", 2 / 3),
        ("f1", None, 2 / 3),
    ],
)
def test_predictions_are_measured_against_what_was_expected(
    store: LocalStore, measure: str, positive: str | None, expected: float
) -> None:
    results, cases = predicting(*LABELS)
    (metric,) = overall(store, results, cases, measure=measure, positive=positive, **COMPARED)
    assert (metric.name, metric.score, metric.cases) == (measure, pytest.approx(expected), 6)
    assert metric.low < expected < metric.high
    assert metric.value == {"no": {"no": 2.0, "yes": 1.0}, "yes": {"no": 1.0, "yes": 2.0}}


def test_measures_equal_their_definitions_on_random_labels(store: LocalStore) -> None:
    chance = random.Random(3)
    pairs = [(chance.choice("aabc"), chance.choice("abbc")) for _ in range(60)]
    results, cases = predicting(*pairs)
    by_label = {}
    for label in "abc":
        hits = sum(one == other == label for one, other in pairs)
        by_label[label] = (
            hits / sum(one == label for one, _ in pairs),
            hits / sum(other == label for _, other in pairs),
        )
    f1s = [2 * p * r / (p + r) for p, r in by_label.values()]
    measured = {}
    for number, measure in enumerate(("precision", "recall", "f1")):
        own = LocalStore(Path(store.root) / str(number))
        (metric,) = overall(own, results, cases, measure=measure, **COMPARED)
        measured[measure] = metric.score
    means = [fmean(p for p, _ in by_label.values()), fmean(r for _, r in by_label.values()), fmean(f1s)]
    assert list(measured.values()) == pytest.approx(means)


def test_an_error_predicted_nothing_and_a_label_metric_may_predict(store: LocalStore) -> None:
    cases = [a_case(f"c{number}", reference={"tone": "kind"}) for number in range(3)]
    (metric,) = overall(
        store, attempts(KIND, RUDE, None), cases, measure="accuracy", metric="tone", expected="reference.tone"
    )
    assert metric.score == pytest.approx(1 / 3)
    assert metric.value == {"kind": {"kind": 1.0, "rude": 1.0, "(error)": 1.0}}


def test_correlation_is_spearmans_with_pearsons_beside_it(store: LocalStore) -> None:
    pairs = [(1, 1), (2, 3), (3, 2), (4, 40), (5, 5)]
    results, cases = predicting(*pairs)
    (metric,) = overall(store, results, cases, measure="correlation", **COMPARED)
    first, second = zip(*pairs, strict=True)
    assert metric.score == pytest.approx(scipy.stats.spearmanr(first, second).statistic)
    assert metric.value["pearson"] == pytest.approx(scipy.stats.pearsonr(first, second).statistic)


REPEATED = {"a": [1.0, 0.0, 1.0], "b": [0.0, 0.0, 1.0], "c": [0.5, 0.5, 0.0]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reduce": "mean"}, fmean([2 / 3, 1 / 3, 1 / 3])),
        ({"reduce": "median"}, 0.5),
        ({"reduce": "mode"}, 0.5),
        ({"reduce": "max"}, (1 + 1 + 0.5) / 3),
        ({"reduce": "min"}, 0.0),
        ({"reduce": "at_least", "k": 2}, 1 / 3),
        ({"reduce": "at_least", "k": 1}, 2 / 3),
    ],
)
def test_attempts_are_reduced_to_one_value_a_case(store: LocalStore, fields: dict[str, Any], expected: float) -> None:
    results = [
        a_result(case, number, assertions=(an_assertion("m", passed=score == 1, score=score),))
        for case, scores in REPEATED.items()
        for number, score in enumerate(scores, 1)
    ]
    (metric,) = overall(store, results, metric="m", **fields)
    assert (metric.score, metric.cases) == (pytest.approx(expected), 3)


def test_gates_decide_by_metrics_over_all_cases_and_their_slices(store: LocalStore) -> None:
    results, cases = predicting(*LABELS)
    summary = [{"name": "acc", "measure": "accuracy", **COMPARED}]
    gates = {
        "min_score": [{"metric": "acc", "threshold": 0.6}, {"metric": "acc", "threshold": 0.9, "slice": "split=*"}]
    }
    record = keep_experiment(store, "e", results, cases=cases)
    assert [gate.outcome for gate in verdict_of(store, a_spec(summary=summary, gates=gates), record).gates] == [
        "passed",
        "failed",
    ]


EVALUATORS = """
def by_runs(runs, examples):
    right = sum(run.outputs["label"] == example.outputs["label"] for run, example in zip(runs, examples))
    return {"key": "right", "score": right / len(runs), "comment": "by runs"}

def by_position(predictions, cases):
    return {"results": [{"key": "n", "score": len(predictions)}, {"key": "kind", "value": "good"}]}

def by_outputs(outputs, reference_outputs):
    return sum(one["label"] == other["label"] for one, other in zip(outputs, reference_outputs)) / len(outputs)

async def later(outputs):
    return len(outputs)

def broken(runs, examples):
    raise ValueError("no")
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("by_runs", [("right", 4 / 6, None)]),
        ("by_position", [("n", 6.0, None), ("kind", None, "good")]),
        ("by_outputs", [("by_outputs", 4 / 6, None)]),
        ("later", [("later", 6.0, None)]),
    ],
)
def test_summary_evaluators_of_langsmith_are_called_unchanged(store: LocalStore, name: str, expected: Any) -> None:
    (Path(store.root) / "evs.py").write_text(EVALUATORS)
    results, cases = predicting(*LABELS)
    metrics = overall(store, results, cases, evaluator=f"evs.py:{name}")
    assert [(each.name, each.score, each.value) for each in metrics] == expected


def test_a_summary_evaluator_that_breaks_leaves_its_gate_undecided_and_is_not_called_by_checks(
    store: LocalStore,
) -> None:
    (Path(store.root) / "evs.py").write_text(EVALUATORS)
    results, cases = predicting(*LABELS)
    record = keep_experiment(store, "e", results, cases=cases)
    summary = [{"evaluator": f"evs.py:{name}"} for name in ("broken", "by_runs")]
    spec = a_spec(
        summary=summary, gates={"min_score": [{"metric": name, "threshold": 0.5} for name in ("broken", "right")]}
    )
    verdict = verdict_of(store, spec, record, folder=Path(store.root))
    assert [gate.outcome for gate in verdict.gates] == ["undecided", "passed"]
    assert "ValueError: no" in verdict.gates[0].message
    write_verdict(store, record, verdict)
    assert verdict_of(store, spec, record).summary.overall == verdict.summary.overall


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"measure": "f1"},
        {"measure": "f1", "expected": "reference.label"},
        {"reduce": "max"},
        {"reduce": "at_least", "metric": "m"},
        {"reduce": "max", "k": 2, "metric": "m"},
        {"evaluator": "evs.py:f", "measure": "f1"},
    ],
)
def test_a_metric_over_all_cases_has_one_form(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SummaryMetric.model_validate(fields)
