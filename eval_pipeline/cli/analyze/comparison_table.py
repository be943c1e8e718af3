"""Comparisons with a baseline, as a table in the terminal."""

from collections.abc import Mapping, Sequence

import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.analysis import explanations
from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.comparison.preferences import Preferences
from eval_pipeline.analysis.statistics.paired import p_is
from eval_pipeline.cli.shown import escape
from eval_pipeline.wording import counted, first_names

MOST_NAMED = 12
"""Case ids that a line names."""
_STYLE = {"improved": "green", "regressed": "red", "unchanged": "default"}


def show_comparisons(
    comparisons: Sequence[Comparison], preferences: Mapping[str, Preferences], console: Console
) -> None:
    """Print the baseline's values in the first column, and one column of differences for each experiment."""
    table = Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    table.add_column(escape(comparisons[0].baseline), justify="right", overflow="fold")
    for comparison in comparisons:
        table.add_column(escape(comparison.experiment), justify="right", overflow="fold")
    for name, differences in _rows(comparisons).items():
        first = next(difference for difference in differences if difference is not None)
        table.add_row(escape(name), f"{first.then:.1%}", *map(_cell, differences))
    console.print(table)
    for comparison in comparisons:
        console.print(_changed_cases(comparison), highlight=False)
        if comparison.experiment in preferences:
            console.print(_preferred(preferences[comparison.experiment]), highlight=False)
    used = [explanations.DIFFERENCE, explanations.ADJUSTED, *([explanations.PREFERENCE] if preferences else [])]
    for sentence in used:
        console.print(sentence, highlight=False, markup=False, style="dim", soft_wrap=True)


def _rows(comparisons: Sequence[Comparison]) -> dict[str, list[Difference | None]]:
    """The differences of a metric or slice, one for each comparison, by its name."""
    names = dict.fromkeys(name for each in comparisons for name in [*each.metrics, *each.slices])
    rows = {"pass rate": [each.pass_rate for each in comparisons], "score": [each.score for each in comparisons]}
    rows |= {name: [each.metrics.get(name, each.slices.get(name)) for each in comparisons] for name in names}
    return {name: differences for name, differences in rows.items() if any(differences)}


def _cell(difference: Difference | None) -> str:
    if difference is None:
        return ""
    low, high = difference.low, difference.high
    interval = "" if low is None or high is None else f"\n[dim]{low:+.1%} to {high:+.1%}[/]"
    change = f"[{_STYLE[difference.change]}]{difference.now:.1%} ({difference.difference:+.1%})[/]"
    adjusted = "" if difference.p_adjusted == difference.p_value else f", adjusted {p_is(difference.p_adjusted)}"
    return f"{change}{interval}\n[dim]{p_is(difference.p_value)}{adjusted}[/]"


def _changed_cases(comparison: Comparison) -> str:
    counts = (
        f"{comparison.experiment}: {counted(comparison.cases, 'case')} compared, "
        f"[green]{len(comparison.improved)} improved[/], [red]{len(comparison.regressed)} regressed[/], "
        f"{comparison.unchanged} unchanged"
    )
    lines = [counts]
    if comparison.regressed:
        names = [change.case_id for change in comparison.regressed]
        lines.append(f"  regressed: {escape(first_names(names, MOST_NAMED))}")
    detectable = None if comparison.pass_rate is None else comparison.pass_rate.smallest_detectable
    if detectable is not None:
        lines.append(f"  a true drop of {detectable:.1%} would be detected in four experiments of five")
    return "\n".join([*lines, *(f"  [yellow]warning:[/] {escape(warning)}" for warning in comparison.warnings)])


def _preferred(preferences: Preferences) -> str:
    counts, rate = preferences.counts, preferences.rate
    share = "" if rate is None else f"; preferred {rate.mean:.1%} ({rate.low:.1%} to {rate.high:.1%})"
    unjudged = f", {counts['unjudged']} could not be judged" if counts.get("unjudged") else ""
    return (
        f"  the judge preferred this experiment {counts['now']} times, the baseline {counts['then']} times, "
        f"{counts['tie']} ties{unjudged}{share}, {p_is(preferences.p_value)}"
    )
