"""A comparison of variants in the terminal: the verdict first, then a table, then where to look.

Belongs here: showing it. Does not belong here: comparing (`eval_pipeline.variants`).
"""

from collections.abc import Mapping

import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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


def show_variants(
    comparison: VariantComparison, store: Store, links: Mapping[str, VariantLinks], console: Console
) -> None:
    """Print a comparison."""
    console.print(f"\n[bold]{escape(comparison.verdict)}[/]", highlight=False)
    table = Table(box=rich.box.SIMPLE_HEAD)
    for column in _COLUMNS:
        shown = shown_metric(comparison.metric) if column == "metric" else column
        table.add_column(escape(shown), justify="left" if column in _TEXTS else "right", overflow="fold")
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


_TEXTS = ("variant", "changes", "outcome", "gates")
_COLUMNS = ("variant", "changes", "metric", "points", "95 % interval", "p", "cases", "outcome", "gates")


def _row(found: VariantStanding, *, won: bool) -> list[str]:
    style = _STYLE[found.outcome]
    interval = "" if found.low is None or found.high is None else f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    prompts = {f"prompt:{name}": f"prompt {name} {commit[:_COMMIT]}" for name, commit in found.prompts.items()}
    changes = ", ".join(prompts.get(change, change) for change in found.changes)
    errors = f" [yellow]({found.errors} errors)[/]" if found.errors else ""
    return [
        f"[{style}]{escape(found.name)}[/]",
        escape(changes),
        "" if found.score is None else f"{found.score:.1%}",
        "" if found.delta is None else f"{100 * found.delta:+.1f}",
        f"[dim]{interval}[/]",
        "" if found.p_adjusted is None else "<0.0001" if found.p_adjusted < 0.0001 else f"{found.p_adjusted:.4f}",  # noqa: PLR2004
        str(found.cases),
        f"[{style}]{found.outcome}{', wins' if won else ''}[/]{errors}",
        "" if found.outcome == "dropped" else "[green]met[/]" if found.gates_passed else "[red]not met[/]",
    ]
