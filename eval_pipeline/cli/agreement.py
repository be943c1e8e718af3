"""`eval-pipeline agreement SUITE LABELS`: how far assertions and judges agree with people.

Belongs here: showing it. Does not belong here: computing it (`eval_pipeline.experiment.agreement`).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.cli.store_option import store_option
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.experiment.agreement import COLUMNS, Agreement, agreements
from eval_pipeline.experiment.human_labels import read_labels
from eval_pipeline.experiment.record import ExperimentRecord, latest_experiment, read_experiment
from eval_pipeline.experiment.result_log import read_results
from eval_pipeline.experiment.statistics.agreement import Measure
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command()
@click.argument("suite")
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--experiment", metavar="NAME", help="By default the one begun last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@store_option
def agreement(suite: str, labels: Path, experiment: str | None, *, as_json: bool, store: str) -> int:
    """Compare the results of SUITE with what people said: LABELS is CSV, JSONL or Parquet.

    A row is `case_id`, `assertion` and `label`, with `attempt` and `turn` where there are several.
    """
    said = read_labels(labels)
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    record = _record(opened, name, experiment)
    found = agreements(read_results(opened, name, record.experiment, columns=COLUMNS), said)
    if as_json:
        document = {"suite": name, "experiment": record.experiment, "agreement": [item.to_json() for item in found]}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        Console().print(_table(found))
    return 0


def _record(store: Store, suite: str, experiment: str | None) -> ExperimentRecord:
    record = latest_experiment(store, suite) if experiment is None else read_experiment(store, suite, experiment)
    if record is None:
        problem = Problem(message=f"{suite} has no experiment yet", fix=f"eval-pipeline run {suite}", file=store.root)
        raise InputError(problem)
    return record


def _table(found: Sequence[Agreement]) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, caption="below each measure its 95 % interval", padding=(0, 1, 1, 0))
    for column in ("assertion", "compared", "accuracy", "kappa", "spearman", "kendall"):
        table.add_column(column, overflow="fold")
    for item in found:
        measures = (item.accuracy, item.kappa, item.spearman, item.kendall)
        name = escape(item.assertion if item.judge is None else f"  {item.judge}")
        table.add_row(name, _compared(item), *map(_shown, measures))
    return table


def _compared(item: Agreement) -> str:
    lines = [f"{item.pairs} {item.scale}"]
    lines += [f"{item.unanswered} no verdict"] if item.unanswered else []
    lines += [f"{item.missing} not there"] if item.missing else []
    return "\n".join(lines)


def _shown(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f}\n{measure.low:.2f}..{measure.high:.2f}"
