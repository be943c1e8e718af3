"""Comparisons in the terminal."""

from collections.abc import Mapping, Sequence

import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.comparison.preferences import Preferences

MOST_NAMED = 12
_STYLE = {"improved": "green", "regressed": "red", "unchanged": "default"}


def show_comparisons(
    comparisons: Sequence[Comparison], preferences: Mapping[str, Preferences], console: Console
) -> None:
    """Print what changed since the first experiment, one column for each of the others."""
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    table.add_column(escape(comparisons[0].baseline), justify="right", overflow="fold")
    for found in comparisons:
        table.add_column(escape(found.experiment), justify="right", overflow="fold")
    for name, differences in _rows(comparisons).items():
        first = next(found for found in differences if found is not None)
        table.add_row(escape(name), f"{first.then:.1%}", *map(_cell, differences))
    console.print(table)
    for found in comparisons:
        console.print(_told(found), highlight=False)
        if found.experiment in preferences:
            console.print(_preferred(preferences[found.experiment]), highlight=False)


def _rows(comparisons: Sequence[Comparison]) -> dict[str, list[Difference | None]]:
    """By what is compared, in each comparison."""
    names = dict.fromkeys(name for found in comparisons for name in [*found.metrics, *found.slices])
    rows = {"pass rate": [found.pass_rate for found in comparisons], "score": [found.score for found in comparisons]}
    rows |= {name: [found.metrics.get(name, found.slices.get(name)) for found in comparisons] for name in names}
    return {name: differences for name, differences in rows.items() if any(differences)}


def _cell(found: Difference | None) -> str:
    if found is None:
        return ""
    interval = "" if found.low is None or found.high is None else f"\n[dim]{found.low:+.1%} to {found.high:+.1%}[/]"
    change = f"[{_STYLE[found.change]}]{found.now:.1%} ({found.difference:+.1%})[/]"
    return f"{change}{interval}\n[dim]p={found.p_adjusted:.3f}[/]"


def _told(found: Comparison) -> str:
    counts = (
        f"{found.experiment}: {found.cases} cases compared, [green]{len(found.improved)} improved[/], "
        f"[red]{len(found.regressed)} regressed[/], {found.unchanged} unchanged"
    )
    lines = [counts]
    if found.regressed:
        names = [change.case_id for change in found.regressed]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        lines.append(f"  regressed: {escape(', '.join(names[:MOST_NAMED]))}{more}")
    if found.pass_rate is not None and found.pass_rate.smallest_detectable is not None:
        lines.append(f"  a drop of {found.pass_rate.smallest_detectable:.1%} would be seen four times of five")
    return "\n".join([*lines, *(f"  [yellow]beware:[/] {escape(warning)}" for warning in found.warnings)])


def _preferred(found: Preferences) -> str:
    counts = found.counts
    rate = (
        ""
        if found.rate is None
        else f"; preferred {found.rate.mean:.1%} ({found.rate.low:.1%} to {found.rate.high:.1%})"
    )
    unjudged = f", {counts['unjudged']} could not be judged" if counts.get("unjudged") else ""
    return (
        f"  the judge preferred it {counts['now']} times, the other {counts['then']} times, {counts['tie']} ties"
        f"{unjudged}{rate}, p={found.p_value:.3f}"
    )
