"""What is promoted, what is rolled back, and what is refused: decisions without a Hub."""

from dataclasses import replace
from typing import Any

import pytest

from eval_pipeline.promotion.decisions import decide_promotion, decide_rollback, promotion_in_use
from eval_pipeline.promotion.move_tag import MoveRefusal, TagState
from eval_pipeline.promotion.moves import ProposedMove, commits_in_use, rolled_back
from eval_pipeline.variants.variant_comparison import VariantComparison
from eval_pipeline_tests.promotion.moved import at, proposed, recorded
from eval_pipeline_tests.variants.standings import comparison, standing

OLD, GOOD, NEXT = "0" * 16, "a" * 16, "b" * 16


def compared(**winner: Any) -> VariantComparison:
    """A comparison that `good`, at the commit GOOD, won over OLD."""
    current = standing("current", "current", prompts={"support": OLD})
    good = standing("good", "better", **{"prompts": {"support": GOOD}, **winner})
    return replace(comparison(), standings=(current, good))


def refused(decision: ProposedMove | MoveRefusal) -> MoveRefusal:
    assert isinstance(decision, MoveRefusal)
    return decision


def moved(decision: ProposedMove | MoveRefusal) -> ProposedMove:
    assert isinstance(decision, ProposedMove), decision
    return decision


def rollback(state: TagState, to: str | None = None) -> ProposedMove | MoveRefusal:
    return decide_rollback(state, suite="shop", reason="it was worse", decided_by="command", to=to)


def test_a_winner_is_promoted_from_where_the_tag_is_to_its_commit() -> None:
    move = moved(decide_promotion(compared(), at(OLD), decided_by="run 1"))
    assert (move.kind, move.prompt, move.tag, move.before, move.after) == (
        "promotion",
        "support",
        "production",
        OLD,
        GOOD,
    )
    assert (move.comparison, move.reference) == ("shop-0123456789ab", "shop-0123456789ab-current")


def test_without_a_winner_nothing_is_promoted_and_the_verdict_says_why() -> None:
    tie = replace(compared(), winner=None, verdict="no significant difference")
    assert refused(decide_promotion(tie, at(OLD), decided_by="run 1")) == MoveRefusal(
        cause="no winner", reason="no significant difference"
    )


@pytest.mark.parametrize(
    ("winner", "place", "cause", "reason"),
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
            at(OLD, proposed(OLD, GOOD), proposed(GOOD, OLD, kind="rollback", reason="pass rate fell")),
            "rolled back",
            "pass rate fell",
        ),
    ],
)
def test_what_is_refused_and_why(winner: dict[str, Any], place: TagState, cause: str, reason: str) -> None:
    refusal = refused(decide_promotion(compared(**winner), place, decided_by="run 1"))
    assert refusal.cause == cause
    assert reason in refusal.reason


def test_a_commit_that_was_brought_back_may_be_promoted_again() -> None:
    back = (proposed(OLD, GOOD), proposed(GOOD, OLD, kind="rollback"))
    brought_back = (*back, proposed(OLD, GOOD, kind="rollback"), proposed(GOOD, OLD, kind="rollback"))
    assert list(rolled_back(recorded(*back))) == [GOOD]
    assert list(rolled_back(recorded(*brought_back[:3]))) == [OLD]
    assert list(rolled_back(recorded(*brought_back))) == [GOOD]


def test_moves_that_were_not_carried_out_do_not_count() -> None:
    not_moved = recorded(proposed(OLD, GOOD), proposed(GOOD, OLD, kind="rollback"), moved=False)
    assert rolled_back(not_moved) == {}
    assert commits_in_use(not_moved) == []


def test_going_back_twice_goes_two_commits_back() -> None:
    promoted = (proposed(OLD, GOOD), proposed(GOOD, NEXT))
    first = moved(rollback(at(NEXT, *promoted)))
    second = moved(rollback(at(GOOD, *promoted, first)))
    assert [(each.before, each.after) for each in (first, second)] == [(NEXT, GOOD), (GOOD, OLD)]
    assert refused(rollback(at(OLD, *promoted, first, second))).cause == "nothing to do"


def test_going_back_to_a_commit_rolls_back_what_was_above_it() -> None:
    promoted = (proposed(OLD, GOOD), proposed(GOOD, NEXT))
    back = moved(rollback(at(NEXT, *promoted), OLD))
    assert (back.before, back.after) == (NEXT, OLD)
    assert commits_in_use(recorded(*promoted, back)) == [OLD]


def test_without_a_promotion_on_record_going_back_needs_a_commit() -> None:
    assert "--to" in refused(rollback(at(GOOD))).reason
    assert moved(rollback(at(GOOD), OLD)).after == OLD
    assert refused(rollback(at(OLD), OLD)).cause == "nothing to do"


def test_if_the_tag_was_moved_by_hand_going_back_needs_a_commit() -> None:
    by_hand = at(NEXT, proposed(OLD, GOOD))
    assert refused(rollback(by_hand)).cause == "moved"
    assert moved(rollback(by_hand, OLD)).before == NEXT


def test_a_promotion_is_in_use_until_something_else_moves_the_tag() -> None:
    promotion = proposed(OLD, GOOD)
    current = promotion_in_use(at(GOOD, promotion), "shop")
    assert current is not None
    assert current.after == GOOD
    assert promotion_in_use(at(NEXT, promotion), "shop") is None
    assert promotion_in_use(at(OLD, promotion, proposed(GOOD, OLD, kind="rollback")), "shop") is None
    assert promotion_in_use(at(GOOD, promotion), "another suite") is None
    assert promotion_in_use(at(GOOD), "shop") is None
