"""`eval-pipeline prompts promote | rollback | history`: the commit of a suite's prompt that is in production."""

from collections.abc import Iterator

import click

from eval_pipeline.cli.langsmith.hub import hub_at_hand
from eval_pipeline.cli.options import store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.promotion.decisions import decide_promotion, decide_rollback
from eval_pipeline.promotion.move_tag import MoveRefusal, move_tag, read_tag_state, shown
from eval_pipeline.promotion.moves import ProposedMove, RecordedMove
from eval_pipeline.promotion.regression import read_checks
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.suite import Suite, read_suite
from eval_pipeline.variants.variant_comparison import VariantComparison, latest_comparison, read_comparison

_DECIDED_BY = "command"
_REFUSED = 1


@click.command()
@click.argument("suite")
@click.option("--comparison", metavar="NAME", help="Comparison of variants.  [default: the latest]")
@click.option("--yes/--dry-run", "yes", default=False, help="Move the tag, or only show what would be done (default).")
@store_option
def promote(suite: str, comparison: str | None, store: str, *, yes: bool) -> int:
    """Promote the winning variant of a suite.

    Moves the tag that SUITE's prompt names to the commit of the variant that won the comparison.

    Exit code 1: not promoted, because no variant won, gates failed, or the tag has moved since the comparison.
    """
    loaded, opened = read_suite(suite_folder(suite)), open_store(store)
    place, compared = promoted_prompt(loaded), _comparison(opened, loaded, comparison)
    with hub_at_hand() as hub:
        state = read_tag_state(opened, hub, place)
        decision = decide_promotion(compared, state, decided_by=_DECIDED_BY)
        if isinstance(decision, ProposedMove) and not yes:
            echo(f"would promote {_described(decision)}; run with --yes to do it")
            return 0
        outcome = decision if isinstance(decision, MoveRefusal) else move_tag(opened, hub, state, decision)
    return _report(outcome, "promoted")


@click.command()
@click.argument("suite")
@click.option("--to", metavar="COMMIT", help="A hash, a tag, or `latest`.  [default: the previous commit]")
@click.option("--reason", metavar="TEXT", default="requested by a user", help="Reason, kept in the history.")
@store_option
def rollback(suite: str, to: str | None, reason: str, store: str) -> int:
    """Move the tag of a prompt back to the previous commit.

    A commit that was rolled back is not promoted again, unless you move the tag there with --to.
    """
    loaded, opened = read_suite(suite_folder(suite)), open_store(store)
    place = promoted_prompt(loaded)
    with hub_at_hand() as hub:
        commit = None if to is None else hub.pull(place.at(to)).commit
        state = read_tag_state(opened, hub, place)
        decision = decide_rollback(state, suite=loaded.name, reason=reason, decided_by=_DECIDED_BY, to=commit)
        outcome = decision if isinstance(decision, MoveRefusal) else move_tag(opened, hub, state, decision)
    return _report(outcome, "rolled back")


@click.command()
@click.argument("suite")
@store_option
def history(suite: str, store: str) -> int:
    """Show the promotions and rollbacks of a prompt.

    The prompt is that of SUITE's target; the latest move comes first.
    """
    place, opened = promoted_prompt(read_suite(suite_folder(suite))), open_store(store)
    with hub_at_hand() as hub:
        state = read_tag_state(opened, hub, place)
    echo(f"{place} is at {shown(state.commit)}")
    for recorded in reversed(state.moves):
        for line in _lines(opened, recorded):
            echo(line)
    return 0


def _comparison(store: Store, suite: Suite, name: str | None) -> VariantComparison:
    comparison = latest_comparison(store, suite.name) if name is None else read_comparison(store, suite.name, name)
    if comparison is None:
        message = f"there is no comparison of variants of {suite.name}"
        raise InputError(Problem(message=message, fix=f"eval-pipeline variants run {suite.name}", file=store.root))
    return comparison


def _report(outcome: ProposedMove | MoveRefusal, done: str) -> int:
    if isinstance(outcome, MoveRefusal):
        echo(f"not {done}: {outcome.reason}", err=True)
        return _REFUSED
    echo(f"{done} {_described(outcome)}")
    return 0


def _described(move: ProposedMove) -> str:
    return f"{move.place} from {shown(move.before)} to {shown(move.after)}: {move.reason}"


def _lines(store: Store, recorded: RecordedMove) -> Iterator[str]:
    move, outcome = recorded.move, recorded.outcome
    what = f"{move.kind} {shown(move.before)} -> {shown(move.after)}"
    yield f"{move.number:>4}  {move.begun_at}  {what}  {move.suite}, {move.decided_by}: {move.reason}"
    if outcome is None or not outcome.moved:
        yield f"      not done: {'in progress or interrupted' if outcome is None else outcome.message}"
    for check in read_checks(store, move):
        yield f"      {'regressed' if check.regressed else 'no regression'} in {check.experiment}: {check.message}"
