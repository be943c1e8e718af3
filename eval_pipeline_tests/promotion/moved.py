"""Moves made by hand, without a Hub."""

from typing import Any

from eval_pipeline.promotion.moves import Ending, Move, Moves, RecordedMove, WantedMove
from eval_pipeline.promotion.moving import Standing
from eval_pipeline.suite.spec.prompt_reference import PromptReference

PLACE = PromptReference(place="hub", name="support", version="production")


def wanted(before: str | None, after: str, **given: Any) -> WantedMove:
    """A move that somebody wants: a promotion unless `kind` says otherwise."""
    known = {
        "kind": "promotion",
        "suite": "shop",
        "prompt": "support",
        "tag": "production",
        "reason": "good is better than current",
        "decided_by": "command",
    }
    return WantedMove.model_validate({**known, "before": before, "after": after, **given})


def recorded(*moves: WantedMove, made: bool = True) -> Moves:
    """These moves, each ended."""
    ending = Ending(made=made, said="so", ended_at="2026-01-02T00:00:01+00:00")
    found = [
        Move(**move.model_dump(), number=number, begun_at=f"2026-01-{number:02d}T00:00:00+00:00")
        for number, move in enumerate(moves, start=1)
    ]
    return [RecordedMove(move=move, ending=ending) for move in found]


def at(commit: str | None, *moves: WantedMove) -> Standing:
    """The tag at `commit`, after these moves."""
    return Standing(place=PLACE, commit=commit, moves=recorded(*moves))
