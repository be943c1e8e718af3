"""Tables of results that are no scores: shares of labels, numbers without bounds, metrics over all cases."""

import rich.box
from rich.table import Table

from eval_pipeline.analysis.summary import Summary
from eval_pipeline.cli.shown import escape
from eval_pipeline.content.text import json_text


def kinds_of_results(summary: Summary) -> tuple[Table, ...]:
    """The tables; those of kinds that there are not have no rows."""
    return _labels(summary), _numbers(summary), _overall(summary)


def _table(*columns: str, text: int = 1) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < text else "right", overflow="fold")
    return table


def _labels(summary: Summary) -> Table:
    table = _table("metric", "label", "share", "95 % interval", "n", text=2)
    for name, shares in summary.labels.items():
        for number, (label, share) in enumerate(shares.items()):
            numbers = [f"{share.mean:.1%}", f"{share.low:.1%} to {share.high:.1%}", str(share.n)]
            table.add_row(escape(name) if number == 0 else "", escape(label), *numbers)
    return table


def _numbers(summary: Summary) -> Table:
    table = _table("metric", "mean", "95 % interval", "median", "p5", "p95", "n")
    for name, each in summary.numbers.items():
        interval = "" if each.low is None or each.high is None else f"{each.low:.4g} to {each.high:.4g}"
        shown = [f"{value:.4g}" for value in (each.median, each.percentiles["p5"], each.percentiles["p95"])]
        table.add_row(escape(name), f"{each.mean:.4g}", interval, *shown, str(each.n))
    return table


def _overall(summary: Summary) -> Table:
    table = _table("over all cases", "value", "95 % interval", "cases", "comment")
    for each in summary.overall:
        interval = "" if each.low is None or each.high is None else f"{each.low:.4g} to {each.high:.4g}"
        value = each.error or ("" if each.score is None else f"{each.score:.4g}")
        if each.score is None and each.value is not None:
            value = json_text(each.value)
        table.add_row(escape(each.name), escape(value), interval, str(each.cases), escape(each.comment))
    return table
