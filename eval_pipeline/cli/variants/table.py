"""A comparison of variants in the terminal: the verdict first, then a table, then where to look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.analysis.statistics.paired import shown_p
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
_ANY_WIDTH = 10_000
_NUMBERS = ("score", "points", "p", "cases")


def show_variants(
    comparison: VariantComparison, store: Store, links: Mapping[str, VariantLinks], console: Console
) -> None:
    """Print a comparison."""
    console.print(f"\n[bold]{escape(comparison.verdict)}[/]", highlight=False)
    console.print(_fitting_table(comparison, console))
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


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How much room a table takes."""

    whole_changes: bool = False
    """Whether what a variant changes stands in one line."""
    below: bool = True
    """Whether intervals stand below the points."""
    without: tuple[str, ...] = ()
    """Columns that are left out."""
    folded: bool = False
    """Whether names may be folded."""


_LAYOUTS = (
    _Layout(whole_changes=True, below=False),
    _Layout(below=False),
    _Layout(),
    # What is left out here is in the page and in `--json`.
    _Layout(without=("p",)),
    _Layout(without=("p", "cases")),
    _Layout(without=("p", "cases", "score")),
)


def _fitting_table(comparison: VariantComparison, console: Console) -> Table:
    """In the first layout that leaves room for whole names."""
    at_most = console.options.update(max_width=_ANY_WIDTH)
    tables = (_table(comparison, layout) for layout in _LAYOUTS)
    fitting = (table for table in tables if console.measure(table, options=at_most).minimum <= console.width)
    return next(fitting, None) or _table(comparison, replace(_LAYOUTS[-1], folded=True))


def _table(comparison: VariantComparison, layout: _Layout) -> Table:
    between = _NEW_LINE if layout.below else " "
    rows = [_row(found, won=found.name == comparison.winner, between=between) for found in comparison.standings]
    names = [found.name for found in comparison.standings]
    changes = [_changes(found) for found in comparison.standings] if layout.whole_changes else []
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("variant", overflow="fold", width=None if layout.folded else max(map(len, names + changes)))
    headings = {"score": shown_metric(comparison.metric), "points": f"points{between}(95 % interval)"}
    shown = [name for name in _NUMBERS if name not in layout.without]
    for name in shown:
        heading = headings.get(name, name)
        lines = [line for text in (heading, *(row[name] for row in rows)) for line in text.split(_NEW_LINE)]
        table.add_column(escape(heading), justify="right", no_wrap=True, min_width=max(map(len, lines)))
    table.add_column("against current")
    for row in rows:
        table.add_row(row["variant"], *(row[name] for name in shown), row["outcome"])
    return table


def _changes(found: VariantStanding) -> str:
    prompts = {f"prompt:{name}": f"prompt {name} {commit[:_COMMIT]}" for name, commit in found.prompts.items()}
    return ", ".join(prompts.get(change, change) for change in found.changes)


def _row(found: VariantStanding, *, won: bool, between: str) -> dict[str, str]:
    style = _STYLE[found.outcome]
    interval = "" if found.low is None or found.high is None else f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    changes = _changes(found)
    points = "" if found.delta is None else f"{100 * found.delta:+.1f}"
    notes = [f"[yellow]{found.errors} errors[/]"] if found.errors else []
    notes += [] if found.gates_passed or found.outcome == "dropped" else ["[yellow]gates not met[/]"]
    # `current` is what the others are held against.
    outcome = "" if found.outcome == "current" else found.outcome
    return {
        "variant": f"[{style}]{escape(found.name)}[/]{f'{_NEW_LINE}[dim]{escape(changes)}[/]' if changes else ''}",
        "score": "" if found.score is None else f"{found.score:.1%}",
        "points": f"{points}{between}({interval})" if interval else points,
        "p": "" if found.p_adjusted is None else shown_p(found.p_adjusted),
        "cases": str(found.cases),
        "outcome": "; ".join([*([f"[{style}]{outcome}{', wins' if won else ''}[/]"] if outcome else []), *notes]),
    }
