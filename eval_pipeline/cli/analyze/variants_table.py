"""A comparison of variants in the terminal: the verdict, a table, and links."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.analysis.statistics.paired import shown_p
from eval_pipeline.cli.shown import escape
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
_NUMBERS = ("score", "points", "p", "cases", "cost")


def show_variants(
    comparison: VariantComparison, store: Store, links: Mapping[str, VariantLinks], console: Console
) -> None:
    """Print a comparison of variants."""
    console.print(f"\n[bold]{escape(comparison.verdict)}[/]", highlight=False)
    console.print(_fitting_table(comparison, console))
    effort = comparison.effort
    saved = (
        f"; halving saved {effort.attempts_of_all - effort.attempts:,} of {effort.attempts_of_all:,} "
        f"({effort.saved:.0%}) in {effort.looks} interim comparisons"
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
    """How to lay out the table on a console of some width."""

    whole_changes: bool = False
    """Whether the changes of a variant are kept on one line."""
    below: bool = True
    """Whether intervals are below the points."""
    without: tuple[str, ...] = ()
    """Columns that are left out."""
    folded: bool = False
    """Whether names may be folded."""


_LAYOUTS = (
    _Layout(whole_changes=True, below=False),
    _Layout(below=False),
    _Layout(),
    # The page and `--json` have the columns that are left out here.
    _Layout(without=("p",)),
    _Layout(without=("p", "cases")),
    _Layout(without=("p", "cases", "cost")),
    _Layout(without=("p", "cases", "cost", "score")),
)


def _fitting_table(comparison: VariantComparison, console: Console) -> Table:
    """The table in the first layout that does not fold names."""
    at_most = console.options.update(max_width=_ANY_WIDTH)
    tables = (_table(comparison, layout) for layout in _LAYOUTS)
    fitting = (table for table in tables if console.measure(table, options=at_most).minimum <= console.width)
    return next(fitting, None) or _table(comparison, replace(_LAYOUTS[-1], folded=True))


def _table(comparison: VariantComparison, layout: _Layout) -> Table:
    between = _NEW_LINE if layout.below else " "
    rows = [_row(each, won=each.name == comparison.winner, between=between) for each in comparison.standings]
    names = [each.name for each in comparison.standings]
    changes = [_changes(each) for each in comparison.standings] if layout.whole_changes else []
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("variant", overflow="fold", width=None if layout.folded else max(map(len, names + changes)))
    headings = {
        "cost": f"cost of{between}an attempt",
        "score": shown_metric(comparison.metric),
        "points": f"points{between}(95 % interval)",
    }
    priced = any(each.cost_usd for each in comparison.standings)
    shown = [name for name in _NUMBERS if name not in layout.without and (priced or name != "cost")]
    for name in shown:
        heading = headings.get(name, name)
        lines = [line for text in (heading, *(row[name] for row in rows)) for line in text.split(_NEW_LINE)]
        table.add_column(escape(heading), justify="right", no_wrap=True, min_width=max(map(len, lines)))
    table.add_column("vs. current")
    for row in rows:
        table.add_row(row["variant"], *(row[name] for name in shown), row["outcome"])
    return table


def _changes(standing: VariantStanding) -> str:
    prompts = {f"prompt:{name}": f"prompt {name} {commit[:_COMMIT]}" for name, commit in standing.prompts.items()}
    return ", ".join(prompts.get(change, change) for change in standing.changes)


def _row(standing: VariantStanding, *, won: bool, between: str) -> dict[str, str]:
    style, low, high = _STYLE[standing.outcome], standing.low, standing.high
    interval = "" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    changes = _changes(standing)
    points = "" if standing.delta is None else f"{100 * standing.delta:+.1f}"
    notes = [f"[yellow]{standing.errors} errors[/]"] if standing.errors else []
    notes += [] if standing.gates_passed or standing.outcome == "dropped" else ["[yellow]gates not met[/]"]
    # `current` is what the other variants are compared with.
    outcome = "" if standing.outcome == "current" else standing.outcome
    return {
        "variant": f"[{style}]{escape(standing.name)}[/]{f'{_NEW_LINE}[dim]{escape(changes)}[/]' if changes else ''}",
        "score": "" if standing.score is None else f"{standing.score:.1%}",
        "points": f"{points}{between}({interval})" if interval else points,
        "p": "" if standing.p_adjusted is None else shown_p(standing.p_adjusted),
        "cases": str(standing.cases),
        "cost": "unknown" if standing.cost_per_attempt is None else f"${standing.cost_per_attempt:.4f}",
        "outcome": "; ".join([*([f"[{style}]{outcome}{', wins' if won else ''}[/]"] if outcome else []), *notes]),
    }
