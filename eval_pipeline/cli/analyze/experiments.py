"""`eval-pipeline experiments [SUITE]`: the experiments of a store, newest first."""

import json
from pathlib import Path
from typing import Any

import click
import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.analysis.baseline import read_baseline
from eval_pipeline.analysis.verdict import ExperimentVerdict, read_verdict
from eval_pipeline.cli.options import json_option, store_option, suite_with_experiments
from eval_pipeline.cli.shown import echo, escape
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.experiment_record import (
    ExperimentRecord,
    experiments_newest_first,
    suites_with_experiments,
)
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.wording import counted


@click.command()
@click.argument("suite", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most N of a suite.")
@store_option
@json_option
def experiments(suite: str | None, limit: int, store: str, *, as_json: bool) -> int:
    """List experiments, newest first.

    Each with its date, pass rate, cost and gates. Without SUITE, those of every suite in the store.
    """
    opened = open_store(store)
    names = suites_with_experiments(opened) if suite is None else [suite_with_experiments(opened, suite)]
    listed = [row for name in names for row in _rows(opened, name, limit)]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
    elif not listed:
        echo(f"there are no experiments in {opened.root}; create one with `eval-pipeline run SUITE`", err=True)
    else:
        Console().print(_table(opened, listed))
    return 0


def _rows(store: Store, suite: str, limit: int) -> list[dict[str, Any]]:
    baseline = read_baseline(store, suite)
    name = None if baseline is None else baseline.experiment
    records = experiments_newest_first(store, suite)[:limit]
    return [_row(store, record, is_baseline=record.experiment == name) for record in records]


def _row(store: Store, record: ExperimentRecord, *, is_baseline: bool) -> dict[str, Any]:
    verdict = _verdict(store, record)
    rate = None if verdict is None or verdict.summary.pass_rate is None else verdict.summary.pass_rate.mean
    return {
        "suite": record.suite,
        "experiment": record.experiment,
        "created_at": record.created_at,
        "variant": record.variant,
        "cases": None if verdict is None else verdict.summary.cases,
        "pass_rate": rate,
        "cost_usd": None if verdict is None else verdict.summary.cost_usd,
        "gates": "not finished" if verdict is None else "passed" if verdict.passed else "failed",
        "baseline": is_baseline,
    }


def _verdict(store: Store, record: ExperimentRecord) -> ExperimentVerdict | None:
    try:
        return read_verdict(store, record.suite, record.experiment)
    except MissingUpstreamError:  # it has not been summarized yet, or was interrupted
        return None


_GATES = {"passed": "[green]passed[/]", "failed": "[red]failed[/]", "not finished": "[yellow]not finished[/]"}


def _table(store: Store, rows: list[dict[str, Any]]) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, caption=counted(len(rows), "experiment"))
    for column in ("date", "experiment", "cases", "pass rate", "cost", "gates", ""):
        table.add_column(column, justify="right" if column in ("cases", "pass rate", "cost") else "left")
    for row in rows:
        notes = [*(["baseline"] if row["baseline"] else []), *([f"variant {row['variant']}"] if row["variant"] else [])]
        table.add_row(
            row["created_at"][:16].replace("T", " "),
            linked(row["experiment"], _report(store, row["suite"], row["experiment"])),
            "" if row["cases"] is None else str(row["cases"]),
            "-" if row["pass_rate"] is None else f"{row['pass_rate']:.1%}",
            "-" if row["cost_usd"] is None else f"${row['cost_usd']:.4f}",
            _GATES[row["gates"]],
            escape(", ".join(notes)),
        )
    return table


def _report(store: Store, suite: str, experiment: str) -> str:
    uri = store.uri(report_key(suite, experiment))
    return uri if "://" in uri else Path(uri).resolve().as_uri()


def linked(text: str, url: str) -> str:
    """`text` as a link (OSC 8) in terminals that have links."""
    return f"[link={url.replace('[', '%5B').replace(']', '%5D')}]{escape(text)}[/link]"
