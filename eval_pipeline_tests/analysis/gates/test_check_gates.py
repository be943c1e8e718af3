"""Gates: each at its threshold, per slice, against a baseline; what they say, and which cases they name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.analysis.gates.check_gates import Evidence, check_gates
from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.slices import slices_of
from eval_pipeline.results.case_result import CaseResult, ReusedFrom
from eval_pipeline.results.usage import AttemptUsage, TokenUsage
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.spec.gates import Gates
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment, results_of


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def gates_of(results: Sequence[CaseResult], **gates: Any) -> dict[str, GateResult]:
    rows = a_table(results).to_pylist()
    evidence = Evidence(rows=rows, members=slices_of(rows), comparison=None)
    return {result.name: result for result in check_gates(Gates.model_validate(gates), evidence)}


def gate_of(results: Sequence[CaseResult], **gates: Any) -> GateResult:
    (only,) = gates_of(results, **gates).values()
    return only


TEN = results_of({f"c{n}": letter for n, letter in enumerate("ppppppppfe")})


@pytest.mark.parametrize(
    ("gate", "met", "beyond"),
    [("min_pass_rate", 0.8, 0.81), ("max_error_rate", 0.1, 0.09), ("max_p95_latency_s", 0.5, 0.49)],
)
def test_a_gate_is_met_at_its_threshold_and_not_beyond(gate: str, met: float, beyond: float) -> None:
    assert gate_of(TEN, **{gate: met}).passed
    failed = gate_of(TEN, **{gate: beyond})
    assert (failed.passed, failed.blocks, failed.threshold, failed.n) == (False, True, beyond, 10)


def test_attempts_that_a_budget_left_unmade_count_for_one_gate_only() -> None:
    cut_short = [*results_of({"a": "p", "b": "p", "c": "p"}), a_result("z", status="skipped")]
    gates = gates_of(cut_short, min_pass_rate=1.0, max_skipped=0.0)
    assert gates["min_pass_rate"].passed
    assert (gates["min_pass_rate"].n, gates["max_skipped"].n) == (3, 4)
    skipped = gates["max_skipped"]
    assert (skipped.blocks, skipped.observed, skipped.failing_cases) == (True, 0.25, ["z"])
    assert "1 of 4 attempts were skipped" in skipped.message
    assert "--resume" in skipped.message
    assert gate_of(cut_short, max_skipped=0.25).passed
    assert gate_of([a_result("z", status="skipped")], max_skipped=0.0).n == 1


def test_a_rate_has_an_interval_and_names_the_cases() -> None:
    gate = gate_of(TEN, min_pass_rate=0.9)
    assert [gate.observed, gate.low, gate.high] == pytest.approx([0.8, 0.4439, 0.9748], abs=1e-4)
    assert gate.failing_cases == ["c8", "c9"]
    assert gate.message == (
        "pass rate 80.0% (95 % interval 44.4% to 97.5%, n=10), at least 90.0% required; where the true share is at the "
        "threshold, chance alone is as far beyond it in 26%"
    )
    assert gate_of(TEN, max_error_rate=0).failing_cases == ["c9"]


def test_cost_is_added_up_and_names_what_was_most_expensive() -> None:
    results = [a_result(f"c{n}", cost_usd=n / 100) for n in range(5)]
    assert gate_of(results, max_cost_usd=0.1).passed
    failed = gate_of(results, max_cost_usd=0.09)
    assert failed.observed == pytest.approx(0.1)
    assert failed.failing_cases[:2] == ["c4", "c3"]


def test_judges_cost_too() -> None:
    usage = AttemptUsage(target=TokenUsage(cost_usd=0.02), judge=TokenUsage(cost_usd=0.03))
    assert gate_of([a_result("a", cost_usd=0.02, usage=usage)], max_cost_usd=1).observed == pytest.approx(0.05)


def test_a_part_of_the_cost_is_not_the_cost() -> None:
    priced = AttemptUsage(target=TokenUsage(calls=1, cost_usd=0.02))
    unpriced = AttemptUsage(target=TokenUsage(calls=1, cost_usd=0.02), judge=TokenUsage(calls=1))
    gate = gate_of([a_result("a", usage=priced), a_result("b", usage=unpriced)], max_cost_usd=1)
    assert (gate.passed, gate.observed) == (False, None)
    assert "the cost of 1 of 2 attempts is unknown" in gate.message


def test_results_that_were_all_reused_cost_nothing() -> None:
    origin = ReusedFrom(experiment="before", run_id=None, trace_url=None)
    gate = gate_of([a_result("a", reused_from=origin), a_result("b", reused_from=origin)], max_cost_usd=1)
    assert (gate.passed, gate.observed) == (True, 0.0)


def test_an_unknown_cost_does_not_pass() -> None:
    gate = gate_of(TEN, max_cost_usd=10)
    assert (gate.passed, gate.observed) == (False, None)
    assert "the cost is unknown" in gate.message


def test_slow_cases_are_named() -> None:
    results = [a_result(f"c{n:02d}", latency_s=n) for n in range(40)]
    gate = gate_of(results, max_p95_latency_s=37)
    assert (gate.passed, gate.failing_cases) == (False, ["c38", "c39"])
    assert gate.low is not None
    assert gate.low < 37.05 <= (gate.high or 39)


def test_a_gate_without_anything_to_observe_is_not_met_and_one_not_set_is_none() -> None:
    gate = gate_of([a_result(status="skipped")], max_error_rate=0.5)
    assert (gate.passed, gate.observed, gate.n) == (False, None, 0)
    assert gates_of(TEN) == {}


def test_a_gate_may_look_at_one_slice_and_only_warn() -> None:
    results = [a_result("a", tags=("x",)), a_result("b", tags=("y",), status="failed")]
    gates = [{"threshold": 1, "slice": "tag=x"}, {"threshold": 1, "slice": "tag=y", "action": "warn"}, 0.5]
    checked = gates_of(results, min_pass_rate=gates)
    assert {name: (gate.passed, gate.blocks) for name, gate in checked.items()} == {
        "min_pass_rate__tag_x": (True, False),
        "min_pass_rate__tag_y": (False, False),
        "min_pass_rate": (True, False),
    }
    assert "pass rate of tag=y 0.0%" in checked["min_pass_rate__tag_y"].message


def test_a_gate_may_look_at_every_slice_of_a_kind() -> None:
    results = [a_result("a", tags=("x",)), a_result("b", tags=("y",), status="failed"), a_result("c", tags=("z",))]
    gate = gate_of(results, min_pass_rate={"threshold": 0.5, "slice": "tag=*"})
    assert (gate.name, gate.passed, gate.failing_cases) == ("min_pass_rate__tag_each", False, ["b"])
    assert "tag=y" in gate.message
    assert "tag=x" not in gate.message
    assert gate_of(results, min_pass_rate={"threshold": 0, "slice": "tag=*"}).message == "passed in all 3 slices tag=*"


def test_a_slice_that_this_experiment_left_out_holds_nothing_up() -> None:
    gate = gate_of(TEN, min_pass_rate={"threshold": 1, "slice": "tag=nope"})
    assert (gate.passed, gate.message) == (True, "no attempt at a case of tag=nope")


def test_without_a_baseline_nothing_can_have_regressed(store: LocalStore) -> None:
    record = keep_experiment(store, "a", results_of({"one": "f"}))
    (gate,) = concluded(store, record, gates={"max_regression": "any"}).gates
    assert (gate.passed, gate.message) == (True, "there is no baseline yet to compare with")


def _drop(store: LocalStore, fell: int, of: int, **gates: Any) -> GateResult:
    """The gate when so many of the cases, all with tag `x`, no longer pass."""
    names = [f"c{n:03d}" for n in range(of)]
    then = [a_result(name, tags=("x",), assertions=(an_assertion("tone"),)) for name in names]
    now = [
        a_result(
            name,
            tags=("x",) if n < fell else ("y",),
            status="failed" if n < fell else "passed",
            assertions=(an_assertion("tone", passed=n >= fell),),
        )
        for n, name in enumerate(names)
    ]
    concluded(store, keep_experiment(store, "then", then))
    gate, *_ = concluded(store, keep_experiment(store, "now", now, day=2), gates=gates).gates
    return gate


def test_a_drop_that_may_be_chance_passes_unless_any_drop_is_forbidden(store: LocalStore, tmp_path: Path) -> None:
    assert _drop(store, 3, 40, max_regression="significant").passed
    failed = _drop(LocalStore(tmp_path / "other"), 3, 40, max_regression="any")
    assert not failed.passed
    assert failed.observed == pytest.approx(3 / 40)
    assert failed.failing_cases == ["c000", "c001", "c002"]


def test_a_drop_beyond_chance_fails_and_reports_where_and_how_much(store: LocalStore) -> None:
    gate = _drop(store, 10, 40, max_regression="significant")
    assert (gate.blocks, gate.n, gate.observed) == (True, 40, 0.25)
    assert gate.low is not None
    assert gate.high is not None
    assert 0 < gate.low < 0.25 < gate.high
    assert "pass rate 75.0%, -25.0 points since then" in gate.message
    assert "most clearly in split=base (-25.0 points, 40 cases), tag=x (-100.0 points, 10 cases)" in gate.message
    assert len(gate.failing_cases) == 10


def test_a_drop_up_to_the_threshold_is_met_even_beyond_chance(store: LocalStore, tmp_path: Path) -> None:
    assert _drop(store, 10, 40, max_regression={"threshold": 0.25}).passed
    assert not _drop(LocalStore(tmp_path / "other"), 10, 40, max_regression={"threshold": 0.24}).passed


def test_a_slice_and_an_assertion_can_be_held_against_the_baseline(store: LocalStore, tmp_path: Path) -> None:
    assert not _drop(store, 10, 40, max_regression={"slice": "tag=x"}).passed
    each = _drop(LocalStore(tmp_path / "each"), 10, 40, max_regression={"slice": "tag=*"})
    assert "pass rate of tag=x" in each.message
    assert "tag=y" not in each.message
    tone = _drop(LocalStore(tmp_path / "tone"), 10, 40, max_regression={"metric": "tone"})
    assert (tone.name, tone.passed, len(tone.failing_cases)) == ("max_regression__tone", False, 10)


def test_a_gate_that_compares_the_interval_fails_only_beyond_chance() -> None:
    assert not gate_of(TEN, min_pass_rate=0.9).passed
    by_interval = gate_of(TEN, min_pass_rate={"threshold": 0.9, "by": "interval"})
    assert by_interval.passed
    assert by_interval.message.endswith("chance alone fails this gate in at most 2.5 % of experiments")
    assert not gate_of(TEN, min_pass_rate={"threshold": 0.98, "by": "interval"}).passed
    assert gate_of(TEN, max_error_rate={"threshold": 0.01, "by": "interval"}).passed


def test_a_gate_that_is_met_says_how_often_chance_fails_it() -> None:
    """P(Binomial(10, 0.8) < 8) = 0.32; where every attempt passes it is none."""
    assert "32% of such experiments fail by chance" in gate_of(TEN, min_pass_rate=0.8).message
    allowed = gate_of(TEN, max_error_rate=0.1).message
    assert "26% of such experiments fail by chance" in allowed
    assert "0% of such" in gate_of(results_of({"a": "p", "b": "p"}), min_pass_rate=0.9).message


def test_regression_gates_share_one_level(store: LocalStore, tmp_path: Path) -> None:
    """Six of forty cases fell: p = 1/64, which a family of four such tests allows at 0.0125 only."""
    alone = _drop(store, 6, 40, max_regression="significant")
    assert not alone.passed
    four = [{"test": "significant"}, *({"metric": name} for name in ("tone", "tone", "tone"))]
    together = _drop(LocalStore(tmp_path / "family"), 6, 40, max_regression=four)
    assert together.passed
    assert "p=0.0156 for a drop (p=0.0625 among 4 tests)" in together.message
    wider = _drop(LocalStore(tmp_path / "wider"), 6, 40, max_regression=four, level=0.1)
    assert not wider.passed


def test_a_gate_on_any_drop_says_how_often_chance_fails_it_and_how_many_cases_it_needs(store: LocalStore) -> None:
    """Three of forty cases fell: by chance they would as well have risen, with a standard error of 4.3 points."""
    gate = _drop(store, 3, 40, max_regression={"test": "any", "threshold": 0.05})
    assert "chance alone fails this gate in 12% of experiments like these two, and in 5 % with 82 cases" in gate.message


def test_small_drops_do_not_add_up_where_the_baseline_moves(store: LocalStore) -> None:
    """Each night two more cases of forty fail: no night shows a drop since the last, the fourth since the first."""
    gates = {"max_regression": "significant"}
    outcomes = []
    for night in range(5):
        letters = {f"c{n:02d}": "f" if n < 2 * night else "p" for n in range(40)}
        record = keep_experiment(store, f"night{night}", results_of(letters), day=night + 1)
        outcomes.append(concluded(store, record, gates=gates).gates[0])
    assert [gate.passed for gate in outcomes] == [True, True, True, False, False]
    assert "since night0" in outcomes[3].message
