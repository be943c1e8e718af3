"""A comparison of variants in the terminal: the verdict first, then a table, then where to look.

Belongs here: showing it. Does not belong here: comparing (`eval_pipeline.variants`).
"""

from collections.abc import Mapping

import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.experiment.statistics.p_value import shown_p
from eval_pipeline.store.layout import variants_page_key
from eval_pipeline.store.store import Store
from eval_pipeline.variants.links import VariantLinks
from eval_pipeline.variants.metric import shown_metric
from eval_pipeline.variants.variant_comparison import VariantComparison, VariantStanding

_STYLE = {
    "better": "green bold",
    "worse": "red",
    "no significant difference": "default",
    "dropped": "red dim",
    "current": "dim",
}
_COMMIT = 12
_NEW_LINE = "\n"


def show_variants(
    comparison: VariantComparison, store: Store, links: Mapping[str, VariantLinks], console: Console
) -> None:
    """Print a comparison."""
    console.print(f"\n[bold]{escape(comparison.verdict)}[/]", highlight=False)
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("variant", overflow="fold")
    for column in (shown_metric(comparison.metric), "points (95 % interval)", "p", "cases"):
        table.add_column(escape(column), justify="right", no_wrap=True)
    table.add_column("against current")
    for found in comparison.standings:
        table.add_row(*_row(found, won=found.name == comparison.winner))
    console.print(table)
    effort = comparison.effort
    saved = (
        f"; {effort.attempts_of_all - effort.attempts:,} of {effort.attempts_of_all:,} were not needed "
        f"({effort.saved:.0%} saved in {effort.looks} looks)"
        if effort.looks
        else ""
    )
    console.print(f"{effort.attempts:,} attempts{saved}", highlight=False)
    lines = [
        f"\ncomparison  {comparison.name}",
        f"page        {store.uri(variants_page_key(comparison.suite, comparison.name))}",
        *(f"traces      {name}: {link.experiment}" for name, link in links.items()),
    ]
    console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)


def _row(found: VariantStanding, *, won: bool) -> list[str]:
    style = _STYLE[found.outcome]
    interval = "" if found.low is None or found.high is None else f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    prompts = {f"prompt:{name}": f"prompt {name} {commit[:_COMMIT]}" for name, commit in found.prompts.items()}
    changes = ", ".join(prompts.get(change, change) for change in found.changes)
    points = "" if found.delta is None else f"{100 * found.delta:+.1f}{f' ({interval})' if interval else ''}"
    notes = [f"[yellow]{found.errors} errors[/]"] if found.errors else []
    notes += [] if found.gates_passed or found.outcome == "dropped" else ["[yellow]gates not met[/]"]
    # `current` is what the others are held against.
    outcome = "" if found.outcome == "current" else found.outcome
    return [
        f"[{style}]{escape(found.name)}[/]{f'{_NEW_LINE}[dim]{escape(changes)}[/]' if changes else ''}",
        "" if found.score is None else f"{found.score:.1%}",
        points,
        "" if found.p_adjusted is None else shown_p(found.p_adjusted),
        str(found.cases),
        "; ".join([*([f"[{style}]{outcome}{', wins' if won else ''}[/]"] if outcome else []), *notes]),
    ]
