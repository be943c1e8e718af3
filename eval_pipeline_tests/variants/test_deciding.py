"""Which variant wins, and the sentence about it."""

from collections.abc import Mapping
from typing import Any

import pytest

from eval_pipeline.variants.deciding import Entrant, VariantDecision, decide
from eval_pipeline.variants.halving import Drop

CASES = 40


def entrant(name: str, passed: int, **given: Any) -> Entrant:
    """A variant that passes the first so many cases."""
    defaults: dict[str, Any] = {
        "experiment": f"shop-1-{name}",
        "prompts": {},
        "changes": () if name == "current" else ("model",),
        "values": {f"c{case:02}": float(case < passed) for case in range(CASES)},
        "gates_passed": True,
        "errors": 0,
    }
    return Entrant(name=name, **{**defaults, **given})


def decided(dropped: Mapping[str, Drop] | None = None, /, **passed: int) -> VariantDecision:
    return decide([entrant(name, count) for name, count in passed.items()], dropped or {}, metric="pass_rate")


def test_the_one_that_is_significantly_better_wins_and_the_sentence_says_by_how_much() -> None:
    decision = decided(current=16, good=32, other=18, bad=2)
    assert decision.winner == "good"
    assert [(each.name, each.outcome) for each in decision.standings] == [
        ("current", "current"),
        ("good", "better"),
        ("other", "no significant difference"),
        ("bad", "worse"),
    ]
    assert decision.verdict.startswith(
        "good is better than current: pass rate 80.0% against 40.0% on 40 cases, +40.0 points, 95 % interval +"
    )
    assert decision.verdict.endswith("no significant difference between current and other; bad is worse.")


def test_a_tie_says_so() -> None:
    decision = decided(current=20, reworded=22)
    assert (decision.winner, decision.verdict) == (None, "No significant difference between current and reworded.")
    many = decided(current=20, a=21, b=22, c=19)
    assert many.verdict == "No significant difference between current and b, a or c."


def test_where_all_are_worse_none_wins() -> None:
    decision = decided(current=38, a=4, b=6)
    assert (decision.winner, decision.verdict) == (None, "No variant is better than current; b and a are worse.")


def test_of_several_that_are_better_the_best_wins_and_its_equals_are_named() -> None:
    decision = decided(current=10, best=34, nearly=32, better=20)
    assert decision.winner == "best"
    assert "; nearly is better than current too, and not significantly worse than it." in decision.verdict
    assert [each.name for each in decision.standings] == ["current", "best", "nearly", "better"]


def test_a_difference_that_one_comparison_would_call_significant_is_not_among_twenty() -> None:
    alone = decided(current=20, lucky=27)
    assert alone.winner == "lucky"
    among = decided(current=20, lucky=27, **{f"v{number}": 20 for number in range(19)})
    assert among.winner is None
    assert among.standings[1].name == "lucky"
    assert among.standings[1].p_adjusted == pytest.approx(min(1.0, 20 * (alone.standings[1].p_adjusted or 0)))


def test_one_that_was_dropped_can_neither_win_nor_make_it_easier_for_others() -> None:
    drop = Drop(variant="gone", leader="good", score=0.1, leaders_score=0.8, p_value=0.0)
    decision = decided({"gone": drop}, current=20, gone=39, lucky=26)
    assert decision.winner is None
    gone = decision.standings[-1]
    assert (gone.name, gone.outcome, gone.p_adjusted, gone.gates_passed) == ("gone", "dropped", None, False)
    assert decision.standings[1].p_adjusted == pytest.approx(2 * 2**-6 * 2)
    assert decision.verdict == "No significant difference between current and lucky; gone was dropped on the way."


def test_only_cases_that_both_attempted_count_and_a_case_counts_once() -> None:
    values = {f"c{case:02}": 1.0 for case in range(10)} | {"mine": 0.0}
    entrants = [entrant("current", 5), entrant("v", 0, values=values)]
    standing = decide(entrants, {}, metric="score").standings[1]
    assert (standing.cases, standing.score, standing.delta) == (10, 1.0, 0.5)


def test_the_verdict_says_that_a_winner_does_not_meet_the_gates() -> None:
    entrants = [entrant("current", 16), entrant("good", 32, gates_passed=False, errors=3)]
    decision = decide(entrants, {}, metric="grounded")
    assert decision.winner == "good"
    assert decision.verdict.endswith("; but good does not meet the suite's gates.")
    assert ": grounded 80.0% against" in decision.verdict
    assert decision.standings[1].errors == 3


def test_without_a_case_in_common_there_is_no_difference_to_see() -> None:
    decision = decide([entrant("current", 5), entrant("v", 0, values={})], {}, metric="score")
    standing = decision.standings[1]
    assert (standing.outcome, standing.score, standing.delta) == ("no significant difference", None, None)
