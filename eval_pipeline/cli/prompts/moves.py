"""`eval-pipeline prompts promote | rollback | history`: which commit of a suite's prompt is in use."""

from collections.abc import Iterator

import click

from eval_pipeline.cli.prompts.hub import hub_at_hand
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.promotion.deciding import decide, decide_rollback
from eval_pipeline.promotion.moves import RecordedMove, WantedMove
from eval_pipeline.promotion.moving import Refusal, make_move, read_standing, shown
from eval_pipeline.promotion.regressing import read_looks
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.suite import Suite, read_suite
from eval_pipeline.variants.variant_comparison import VariantComparison, latest_comparison, read_comparison

_COMMAND = "command"
_REFUSED = 1


@click.command()
@click.argument("suite")
@click.option("--comparison", metavar="NAME", help="Of which variants; by default the one made last.")
@click.option("--yes/--dry-run", "yes", default=False, help="Do it; by default what would be done is told.")
@store_option
def promote(suite: str, comparison: str | None, store: str, *, yes: bool) -> int:
    """Put the winner of a comparison of SUITE's variants into use: move the tag that its prompt is at.

    Exits with 1 where that is refused: nothing won, gates failed, the tag was moved since.
    """
    found, opened = read_suite(suite_folder(suite)), open_store(store)
    place, compared = promoted_prompt(found), _comparison(opened, found, comparison)
    with hub_at_hand() as hub:
        standing = read_standing(opened, hub, place)
        decided = decide(compared, standing, decided_by=_COMMAND)
        if isinstance(decided, WantedMove) and not yes:
            click.echo(f"would promote {_said(decided)}; `--yes` does it")
            return 0
        outcome = decided if isinstance(decided, Refusal) else make_move(opened, hub, standing, decided)
    return _told(outcome, "promoted")


@click.command()
@click.argument("suite")
@click.option("--to", metavar="COMMIT", help="A hash, another tag, or `latest`; by default what was in use before.")
@click.option("--reason", metavar="TEXT", default="somebody asked for it", help="Why, kept with the move.")
@store_option
def rollback(suite: str, to: str | None, reason: str, store: str) -> int:
    """Put the commit of SUITE's prompt that was in use before back into use, or the one that --to names.

    What is taken back is not promoted again, unless it is put back with --to.
    """
    found, opened = read_suite(suite_folder(suite)), open_store(store)
    place = promoted_prompt(found)
    with hub_at_hand() as hub:
        commit = None if to is None else hub.pull(place.at(to)).commit
        standing = read_standing(opened, hub, place)
        decided = decide_rollback(standing, suite=found.name, reason=reason, decided_by=_COMMAND, to=commit)
        outcome = decided if isinstance(decided, Refusal) else make_move(opened, hub, standing, decided)
    return _told(outcome, "rolled back")


@click.command()
@click.argument("suite")
@store_option
def history(suite: str, store: str) -> int:
    """Show where the tag of SUITE's prompt is, and every move that is on record, the newest first."""
    place, opened = promoted_prompt(read_suite(suite_folder(suite))), open_store(store)
    with hub_at_hand() as hub:
        standing = read_standing(opened, hub, place)
    click.echo(f"{place} is at {shown(standing.commit)}")
    for recorded in reversed(standing.moves):
        for line in _lines(opened, recorded):
            click.echo(line)
    return 0


def _comparison(store: Store, suite: Suite, name: str | None) -> VariantComparison:
    found = latest_comparison(store, suite.name) if name is None else read_comparison(store, suite.name, name)
    if found is None:
        message = f"variants of {suite.name} were never compared"
        raise InputError(Problem(message=message, fix=f"eval-pipeline variants run {suite.name}", file=store.root))
    return found


def _told(outcome: WantedMove | Refusal, done: str) -> int:
    if isinstance(outcome, Refusal):
        click.echo(f"not {done}: {outcome.reason}", err=True)
        return _REFUSED
    click.echo(f"{done} {_said(outcome)}")
    return 0


def _said(move: WantedMove) -> str:
    return f"{move.place} from {shown(move.before)} to {shown(move.after)}: {move.reason}"


def _lines(store: Store, recorded: RecordedMove) -> Iterator[str]:
    move, ending = recorded.move, recorded.ending
    what = f"{move.kind} {shown(move.before)} -> {shown(move.after)}"
    yield f"{move.number:>4}  {move.begun_at}  {what}  {move.suite}, {move.decided_by}: {move.reason}"
    if ending is None or not ending.made:
        yield f"      not made: {'not known yet' if ending is None else ending.said}"
    for look in read_looks(store, move):
        yield f"      {'worse' if look.regressed else 'kept'} by {look.experiment}: {look.said}"
