"""Decides, without asking the Hub, whether the winner of a comparison is promoted, and where a rollback goes."""

from collections.abc import Iterator
from dataclasses import replace

from eval_pipeline.promotion.move_tag import MoveRefusal, RefusalCause, TagState, shown
from eval_pipeline.promotion.moves import PromptMove, ProposedMove, commits_in_use, rolled_back
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.spec.variant import CURRENT, VariantSpec
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.variant_comparison import VariantComparison, VariantStanding


def with_commit_variant(suite: Suite, commit: str) -> Suite:
    """`suite` with one variant: a commit of the prompt of its target.

    Raises:
        InputError: the target's prompt is at no tag of the Hub.
    """
    place = promoted_prompt(suite)
    variant = VariantSpec(name=f"commit-{shown(commit)}", prompt=str(place.at(commit)))
    return replace(suite, spec=suite.spec.model_copy(update={"variants": (variant,)}))


def decide_promotion(comparison: VariantComparison, state: TagState, *, decided_by: str) -> ProposedMove | MoveRefusal:
    """Decide whether the winner of a comparison is promoted.

    Args:
        comparison: of a suite's variants.
        state: of the tag that the suite's target is at, now.
        decided_by: the command, run or sensor that asks.

    Returns:
        The move to the winner's commit, or the first reason against it.
    """
    if comparison.winner is None:
        return MoveRefusal(cause="no winner", reason=comparison.verdict)
    winner, current = comparison.standing(comparison.winner), comparison.standing(CURRENT)
    place = state.place
    before, after = current.prompts.get(place.name), winner.prompts.get(place.name)
    if after is None or set(winner.changes) != {f"prompt:{place.name}"}:
        return MoveRefusal(cause="more than the prompt", reason=_other_changes(winner, place.name))
    objection = next(_objections(winner, state, before=before, after=after), None)
    return objection or ProposedMove(
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


def _objections(winner: VariantStanding, state: TagState, *, before: str | None, after: str) -> Iterator[MoveRefusal]:
    place = state.place
    if not winner.gates_passed:
        yield _refused("gates", f"{winner.name} is better than {CURRENT}, and fails the suite's blocking gates")
    if state.commit == after:
        yield _refused("nothing to do", f"{place} is at {shown(after)} already")
    if (rollback := rolled_back(state.moves).get(after)) is not None:
        yield _refused("rolled back", f"{shown(after)} was rolled back at {rollback.begun_at}: {rollback.reason}")
    if state.commit != before:
        reason = f"{place} is at {shown(state.commit)}, and {winner.name} was compared with {shown(before)}"
        yield _refused("moved", f"{reason}: compare again")


def decide_rollback(
    state: TagState, *, suite: str, reason: str, decided_by: str, to: str | None = None
) -> ProposedMove | MoveRefusal:
    """Decide where a rollback goes.

    Args:
        state: of the tag now.
        suite: the suite whose evaluation decides, or for which the user asks.
        reason: in one line.
        decided_by: the command or sensor that asks.
        to: the commit to go to; by default the one that was in use before, according to the history.
    """
    commits = commits_in_use(state.moves)
    if to is None:
        if len(commits) <= 1:
            return _refused("nothing to do", f"no promotion of {state.place} is on record; name a commit with --to")
        if commits[-1] != state.commit:
            reason = f"{state.place} is at {shown(state.commit)}, where no promotion put it"
            return _refused("moved", f"{reason}; name a commit with --to")
        to = commits[-2]
    if to == state.commit:
        return _refused("nothing to do", f"{state.place} is at {shown(to)} already")
    return ProposedMove(
        kind="rollback",
        suite=suite,
        prompt=state.place.name,
        tag=state.place.version or "",
        before=state.commit,
        after=to,
        reason=reason,
        decided_by=decided_by,
    )


def promotion_in_use(state: TagState, suite: str) -> PromptMove | None:
    """The promotion that the tag is at, if it was this suite's and the tag was not moved since."""
    moves = [recorded.move for recorded in state.moves if recorded.moved]
    if not moves or moves[-1].after != state.commit:
        return None
    last = moves[-1]
    return last if last.kind == "promotion" and last.suite == suite else None


def _other_changes(winner: VariantStanding, prompt: str) -> str:
    others = ", ".join(change for change in winner.changes if change != f"prompt:{prompt}")
    what = f"changes {others}" if others else f"has no commit of {prompt}"
    return f"{winner.name} {what}: a tag can promote only a commit of {prompt}"


def _refused(cause: RefusalCause, reason: str) -> MoveRefusal:
    return MoveRefusal(cause=cause, reason=reason)
