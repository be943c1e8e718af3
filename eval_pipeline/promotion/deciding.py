"""Whether the winner of a comparison is put into use, and what a rollback goes back to: pure decisions."""

from collections.abc import Iterator

from eval_pipeline.promotion.moves import Move, WantedMove, commits_in_use, rolled_back
from eval_pipeline.promotion.moving import Cause, Refusal, Standing, shown
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.variants.variant_comparison import VariantComparison, VariantStanding


def decide(comparison: VariantComparison, standing: Standing, *, decided_by: str) -> WantedMove | Refusal:
    """What a comparison of a suite's variants leads to.

    Args:
        comparison: what was compared, and what came of it.
        standing: the tag that the suite's target is at, now.
        decided_by: who asks.

    Returns:
        The move to the winner's commit, or why there is none: the first reason of those below.
    """
    if comparison.winner is None:
        return Refusal(cause="no winner", reason=comparison.verdict)
    winner, current = comparison.standing(comparison.winner), comparison.standing(CURRENT)
    place = standing.place
    before, after = current.prompts.get(place.name), winner.prompts.get(place.name)
    if after is None or set(winner.changes) != {f"prompt:{place.name}"}:
        return Refusal(cause="more than the prompt", reason=_more(winner, place.name))
    hindrance = next(_hindrances(winner, standing, before=before, after=after), None)
    return hindrance or WantedMove(
        kind="promotion",
        suite=comparison.suite,
        prompt=place.name,
        tag=place.version or "",
        before=before,
        after=after,
        reason=comparison.verdict,
        decided_by=decided_by,
        comparison=comparison.name,
        reference=current.experiment,
    )


def _hindrances(winner: VariantStanding, standing: Standing, *, before: str | None, after: str) -> Iterator[Refusal]:
    place = standing.place
    if not winner.gates_passed:
        yield _refused("gates", f"{winner.name} is better than {CURRENT}, and fails the suite's blocking gates")
    if standing.commit == after:
        yield _refused("nothing to do", f"{place} is at {shown(after)} already")
    if (taken := rolled_back(standing.moves).get(after)) is not None:
        yield _refused("taken back", f"{shown(after)} was taken back at {taken.begun_at}: {taken.reason}")
    if standing.commit != before:
        reason = f"{place} is at {shown(standing.commit)}, and {winner.name} was compared with {shown(before)}"
        yield _refused("moved", f"{reason}: compare again")


def decide_rollback(
    standing: Standing, *, suite: str, reason: str, decided_by: str, to: str | None = None
) -> WantedMove | Refusal:
    """What going back leads to.

    Args:
        standing: the tag now.
        suite: whose evaluation decides, or who asks for it.
        reason: why, in one line.
        decided_by: who asks.
        to: the commit to go to; by default the one that was in use before, which there must be a record of.
    """
    used = commits_in_use(standing.moves)
    if to is None:
        if len(used) <= 1:
            return _refused("nothing to do", f"no promotion of {standing.place} is on record; say where to with --to")
        if used[-1] != standing.commit:
            reason = f"{standing.place} is at {shown(standing.commit)}, where no promotion put it"
            return _refused("moved", f"{reason}; say where to with --to")
        to = used[-2]
    if to == standing.commit:
        return _refused("nothing to do", f"{standing.place} is at {shown(to)} already")
    return WantedMove(
        kind="rollback",
        suite=suite,
        prompt=standing.place.name,
        tag=standing.place.version or "",
        before=standing.commit,
        after=to,
        reason=reason,
        decided_by=decided_by,
    )


def promotion_in_use(standing: Standing, suite: str) -> Move | None:
    """The promotion that put the tag where it is, if it was this suite's and nothing has moved the tag since."""
    made = [recorded.move for recorded in standing.moves if recorded.made]
    if not made or made[-1].after != standing.commit:
        return None
    last = made[-1]
    return last if last.kind == "promotion" and last.suite == suite else None


def _more(winner: VariantStanding, prompt: str) -> str:
    others = ", ".join(change for change in winner.changes if change != f"prompt:{prompt}")
    what = f"changes {others}" if others else f"has no commit of {prompt}"
    return f"{winner.name} {what}: a tag can put only a commit of {prompt} into use"


def _refused(cause: Cause, reason: str) -> Refusal:
    return Refusal(cause=cause, reason=reason)
