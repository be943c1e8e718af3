"""What is put into use, what is taken back, and what is refused: decisions without a Hub."""

from dataclasses import replace
from typing import Any

import pytest

from eval_pipeline.promotion.deciding import decide, decide_rollback, promotion_in_use
from eval_pipeline.promotion.moves import WantedMove, commits_in_use, rolled_back
from eval_pipeline.promotion.moving import Refusal, Standing
from eval_pipeline.variants.variant_comparison import VariantComparison
from eval_pipeline_tests.promotion.moved import at, recorded, wanted
from eval_pipeline_tests.variants.standings import comparison, standing

OLD, GOOD, NEXT = "0" * 16, "a" * 16, "b" * 16


def compared(**winner: Any) -> VariantComparison:
    """A comparison that `good`, at the commit GOOD, won over OLD."""
    current = standing("current", "current", prompts={"support": OLD})
    found = standing("good", "better", **{"prompts": {"support": GOOD}, **winner})
    return replace(comparison(), standings=(current, found))


def refused(found: WantedMove | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def moved(found: WantedMove | Refusal) -> WantedMove:
    assert isinstance(found, WantedMove), found
    return found


def rollback(standing: Standing, to: str | None = None) -> WantedMove | Refusal:
    return decide_rollback(standing, suite="shop", reason="it was worse", decided_by="command", to=to)


def test_a_winner_is_promoted_from_where_the_tag_is_to_its_commit() -> None:
    found = moved(decide(compared(), at(OLD), decided_by="run 1"))
    assert (found.kind, found.prompt, found.tag, found.before, found.after) == (
        "promotion",
        "support",
        "production",
        OLD,
        GOOD,
    )
    assert (found.comparison, found.reference) == ("shop-0123456789ab", "shop-0123456789ab-current")


def test_without_a_winner_nothing_is_promoted_and_the_verdict_says_why() -> None:
    tie = replace(compared(), winner=None, verdict="no significant difference")
    assert refused(decide(tie, at(OLD), decided_by="run 1")) == Refusal(
        cause="no winner", reason="no significant difference"
    )


@pytest.mark.parametrize(
    ("winner", "place", "cause", "said"),
    [
        ({"gates_passed": False}, at(OLD), "gates", "fails the suite's blocking gates"),
        ({"changes": ("prompt:support", "model")}, at(OLD), "more than the prompt", "changes model"),
        ({"changes": ("model",), "prompts": {"support": OLD}}, at(OLD), "more than the prompt", "changes model"),
        ({"prompts": {"other": GOOD}, "changes": ("prompt:other",)}, at(OLD), "more than the prompt", "other"),
        ({"prompts": {"file:a.txt": GOOD}, "changes": ("prompt:file:a.txt",)}, at(OLD), "more than the prompt", "file"),
        ({}, at(GOOD), "nothing to do", "already"),
        ({}, at(NEXT), "moved", "compare again"),
        ({}, at(None), "moved", "is at nothing"),
        (
            {},
            at(OLD, wanted(OLD, GOOD), wanted(GOOD, OLD, kind="rollback", reason="pass rate fell")),
            "taken back",
            "pass rate fell",
        ),
    ],
)
def test_what_is_refused_and_why(winner: dict[str, Any], place: Standing, cause: str, said: str) -> None:
    found = refused(decide(compared(**winner), place, decided_by="run 1"))
    assert found.cause == cause
    assert said in found.reason


def test_a_commit_that_was_brought_back_may_be_promoted_again() -> None:
    taken_back = (wanted(OLD, GOOD), wanted(GOOD, OLD, kind="rollback"))
    brought_back = (*taken_back, wanted(OLD, GOOD, kind="rollback"), wanted(GOOD, OLD, kind="rollback"))
    assert list(rolled_back(recorded(*taken_back))) == [GOOD]
    assert list(rolled_back(recorded(*brought_back[:3]))) == [OLD]
    assert list(rolled_back(recorded(*brought_back))) == [GOOD]


def test_moves_that_were_not_made_count_for_nothing() -> None:
    not_made = recorded(wanted(OLD, GOOD), wanted(GOOD, OLD, kind="rollback"), made=False)
    assert rolled_back(not_made) == {}
    assert commits_in_use(not_made) == []


def test_going_back_twice_goes_two_commits_back() -> None:
    promoted = (wanted(OLD, GOOD), wanted(GOOD, NEXT))
    first = moved(rollback(at(NEXT, *promoted)))
    second = moved(rollback(at(GOOD, *promoted, first)))
    assert [(each.before, each.after) for each in (first, second)] == [(NEXT, GOOD), (GOOD, OLD)]
    assert refused(rollback(at(OLD, *promoted, first, second))).cause == "nothing to do"


def test_going_back_to_a_commit_takes_back_what_was_above_it() -> None:
    promoted = (wanted(OLD, GOOD), wanted(GOOD, NEXT))
    back = moved(rollback(at(NEXT, *promoted), OLD))
    assert (back.before, back.after) == (NEXT, OLD)
    assert commits_in_use(recorded(*promoted, back)) == [OLD]


def test_without_a_promotion_on_record_going_back_needs_to_be_told_where() -> None:
    assert "--to" in refused(rollback(at(GOOD))).reason
    assert moved(rollback(at(GOOD), OLD)).after == OLD
    assert refused(rollback(at(OLD), OLD)).cause == "nothing to do"


def test_where_somebody_moved_the_tag_by_hand_going_back_needs_to_be_told_where() -> None:
    by_hand = at(NEXT, wanted(OLD, GOOD))
    assert refused(rollback(by_hand)).cause == "moved"
    assert moved(rollback(by_hand, OLD)).before == NEXT


def test_a_promotion_is_in_use_until_something_else_moves_the_tag() -> None:
    promotion = wanted(OLD, GOOD)
    found = promotion_in_use(at(GOOD, promotion), "shop")
    assert found is not None
    assert found.after == GOOD
    assert promotion_in_use(at(NEXT, promotion), "shop") is None
    assert promotion_in_use(at(OLD, promotion, wanted(GOOD, OLD, kind="rollback")), "shop") is None
    assert promotion_in_use(at(GOOD, promotion), "another suite") is None
    assert promotion_in_use(at(GOOD), "shop") is None
