"""The summary: every number is that of the rows."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.analysis.summary import OVERALL, Summary, summary_of
from eval_pipeline.results.case_result import CaseResult, ReusedFrom
from eval_pipeline.results.usage import AttemptUsage, TokenUsage
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, a_table, an_assertion
from eval_pipeline_tests.analysis.stored import concluded, keep_experiment
from eval_pipeline_tests.building import a_case


def summary_for(*results: CaseResult) -> Summary:
    return summary_of(a_table(results), suite="sample", experiment="e")


statuses = st.sampled_from(["passed", "failed", "error", "skipped"])


@given(st.dictionaries(st.tuples(st.sampled_from("abcd"), st.integers(1, 3)), statuses, max_size=10))
@settings(max_examples=40, deadline=None)
def test_counts_and_rates_are_those_of_the_rows(rows: dict[tuple[str, int], str]) -> None:
    summary = summary_for(*[a_result(case, number, status=status) for (case, number), status in rows.items()])
    attempted = [status for status in rows.values() if status != "skipped"]
    assert summary.status_counts == Counter(rows.values())
    assert (summary.attempts, summary.cases) == (len(rows), len({case for case, _ in rows}))
    assert (summary.pass_rate is None) == (not attempted)
    if summary.pass_rate is not None:
        by_case: dict[str, list[bool]] = defaultdict(list)
        for (case, _), status in rows.items():
            by_case[case] += [status == "passed"] * (status != "skipped")
        assert summary.pass_rate.mean == pytest.approx(fmean(fmean(passed) for passed in by_case.values() if passed))
        assert summary.pass_rate.n == len(attempted)


def test_an_experiment_without_results_has_a_summary() -> None:
    summary = summary_for()
    assert (summary.cases, summary.attempts) == (0, 0)
    assert (summary.pass_rate, summary.score, summary.cost_usd) == (None, None, None)
    assert (summary.metrics, summary.pass_at_k, summary.slices, summary.latency_s) == ({}, {}, {}, {})
    assert json.loads(json.dumps(summary.to_json()))["attempts"] == 0


def test_metrics_are_means_over_the_attempts_that_scored() -> None:
    summary = summary_for(
        a_result("a", assertions=(an_assertion("x", score=0.5), an_assertion("x", score=1.0), an_assertion("y"))),
        a_result("b", assertions=(an_assertion("x", score=0.25), an_assertion("y", passed=None, broken=True))),
        a_result("c", status="error"),
    )
    assert (summary.metrics["x"].mean, summary.metrics["x"].n) == (0.5, 2)
    assert (summary.metrics["y"].mean, summary.metrics["y"].n) == (1.0, 1)


def test_chances_by_k_are_averaged_over_the_cases_with_k_attempts() -> None:
    verdicts = {"a": [True, True, False], "b": [False], "c": [True, False]}
    results = [
        a_result(case, n + 1, status="passed" if ok else "failed", assertions=(an_assertion("x", passed=ok),))
        for case, oks in verdicts.items()
        for n, ok in enumerate(oks)
    ]
    summary = summary_for(*results)
    assert summary.pass_hat_k["x"] == summary.pass_hat_k[OVERALL]
    assert summary.pass_hat_k["x"] == pytest.approx([(2 / 3 + 0 + 1 / 2) / 3, (1 / 3 + 0) / 2, 0])
    assert summary.pass_at_k["x"] == pytest.approx([(2 / 3 + 0 + 1 / 2) / 3, 1, 1])


def test_several_verdicts_of_one_name_pass_together() -> None:
    both = (an_assertion("x"), an_assertion("x", passed=False))
    summary = summary_for(a_result(assertions=both), a_result("b", assertions=(an_assertion("x"),)))
    assert summary.pass_at_k["x"] == [0.5]


def test_an_assertion_called_overall_does_not_mix_with_the_verdict_of_the_case() -> None:
    summary = summary_for(a_result(status="failed", assertions=(an_assertion(OVERALL),)))
    assert summary.pass_at_k[OVERALL] == [0.0]
    assert summary.metrics[OVERALL].mean == 1.0


def test_slices_are_the_splits_and_every_tag() -> None:
    summary = summary_for(
        a_result("a", split="dev", tags=("x", "y"), assertions=(an_assertion("m"),)),
        a_result("b", split="test", tags=("x",), status="failed", assertions=(an_assertion("m", passed=False),)),
        a_result("b", 2, split="test", tags=("x",), assertions=(an_assertion("m"),)),
    )
    shown = {name: (part.cases, part.pass_rate and part.pass_rate.mean) for name, part in summary.slices.items()}
    assert shown == {
        "split=dev": (1, 1.0),
        "split=test": (1, 0.5),
        "tag=x": (2, 0.75),
        "tag=y": (1, 1.0),
    }
    assert summary.slices["split=test"].metrics["m"].mean == 0.5
    assert summary.slices["tag=x"].tokens["input"] == 30


def test_metadata_that_groups_cases_makes_slices_and_identifiers_do_not() -> None:
    cases = [a_case(f"c{n}", metadata={"tier": "gold" if n % 2 else "iron", "ticket": n, "same": 1}) for n in range(30)]
    summary = summary_of(a_table([a_result(case.id) for case in cases]), suite="sample", experiment="e", cases=cases)
    assert {name: part.cases for name, part in summary.slices.items() if name.startswith("metadata")} == {
        "metadata.tier=gold": 15,
        "metadata.tier=iron": 15,
    }


def test_cases_at_which_attempts_disagree_are_named_the_worst_first() -> None:
    verdicts = {"sure": "pp", "coin": "pf", "often": "ppf", "once": "p"}
    summary = summary_for(
        *[
            a_result(case, n + 1, status={"p": "passed", "f": "failed"}[letter])
            for case, letters in verdicts.items()
            for n, letter in enumerate(letters)
        ]
    )
    assert [(case.case_id, case.flakiness) for case in summary.flaky_cases] == [
        ("coin", 1.0),
        ("often", pytest.approx(2 / 3)),
    ]
    assert summary.flakiness == pytest.approx((0 + 1 + 2 / 3) / 3)


def test_chances_of_all_passing_have_intervals_over_the_cases() -> None:
    rows = [a_result(f"c{n}", k, status="passed" if n < 8 else "failed") for n in range(10) for k in (1, 2)]
    both = summary_for(*rows).pass_hat_k_estimates[OVERALL][1]
    assert (both.mean, both.cases) == (0.8, 10)
    assert [both.low, both.high] == pytest.approx([0.4439, 0.9748], abs=1e-4)


def test_tokens_cost_and_latency_are_added_up() -> None:
    summary = summary_for(*[a_result(f"c{n}", latency_s=float(n), cost_usd=n or None) for n in range(5)])
    assert summary.tokens == {"input": 50, "output": 10, "cached": 5}
    assert summary.cost_usd == 10
    assert [summary.latency_s["p50"], summary.latency_s["p95"]] == pytest.approx([2.0, 3.8])


def test_the_cost_is_unknown_where_that_of_any_call_is() -> None:
    priced = AttemptUsage(target=TokenUsage(calls=1, cost_usd=0.5))
    unpriced = AttemptUsage(target=TokenUsage(calls=1, cost_usd=0.5), judge=TokenUsage(calls=1))
    broke_before_any_call = a_result("c", status="error", cost_usd=None)
    assert summary_for(a_result("a", usage=priced), broke_before_any_call).cost_usd == 0.5
    assert summary_for(a_result("a", usage=priced), a_result("b", usage=unpriced)).cost_usd is None


def test_reused_results_are_counted_and_their_calls_are_not() -> None:
    usage = AttemptUsage(target=TokenUsage(calls=1, input=10, cost_usd=0.5))
    origin = ReusedFrom(experiment="before", run_id=None, trace_url=None)
    summary = summary_for(a_result("a", usage=usage), a_result("b", usage=usage, reused_from=origin))
    assert (summary.carried, summary.cost_usd, summary.usage["target"]["calls"]) == (1, 0.5, 1)


def test_a_summary_is_computed_from_the_result_log(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    results = [a_result("a"), a_result("b", status="failed")]
    assert concluded(store, keep_experiment(store, "e", results)).summary == summary_for(*results)
    assert concluded(store, keep_experiment(store, "other", [])).summary.attempts == 0
