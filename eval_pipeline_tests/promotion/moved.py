"""Moves of a tag, built without a Hub."""

from typing import Any

from eval_pipeline.promotion.move_tag import TagState
from eval_pipeline.promotion.moves import MoveOutcome, Moves, PromptMove, ProposedMove, RecordedMove
from eval_pipeline.suite.spec.prompt_reference import PromptReference

PLACE = PromptReference(place="hub", name="support", version="production")


def proposed(before: str | None, after: str, **given: Any) -> ProposedMove:
    """A proposed move: a promotion, unless `kind` is another."""
    defaults = {
        "kind": "promotion",
        "suite": "shop",
        "prompt": "support",
        "tag": "production",
        "reason": "good is better than current",
        "decided_by": "command",
    }
    return ProposedMove.model_validate({**defaults, "before": before, "after": after, **given})


def recorded(*moves: ProposedMove, moved: bool = True) -> Moves:
    """These moves, each with an outcome."""
    outcome = MoveOutcome(moved=moved, message="so", ended_at="2026-01-02T00:00:01+00:00")
    return [
        RecordedMove(
            move=PromptMove(**move.model_dump(), number=number, begun_at=f"2026-01-{number:02d}T00:00:00+00:00"),
            outcome=outcome,
        )
        for number, move in enumerate(moves, start=1)
    ]


def at(commit: str | None, *moves: ProposedMove) -> TagState:
    """The tag at `commit`, after these moves."""
    return TagState(place=PLACE, commit=commit, moves=recorded(*moves))
