"""`eval-pipeline agreement SUITE LABELS`: how far assertions and judges agree with people."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.analysis.agreement.agreement import COLUMNS, Agreement, agreements
from eval_pipeline.analysis.agreement.human_labels import HumanLabel, read_labels
from eval_pipeline.analysis.statistics.agreement import Measure
from eval_pipeline.cli.experiment_choice import chosen_experiment
from eval_pipeline.cli.store_option import store_option
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.feedback.corrections import verdicts_on
from eval_pipeline.feedback.verdicts import latest_of_each
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.suite import read_suite


@click.command()
@click.argument("suite")
@click.argument("labels", required=False, type=click.Path(path_type=Path))
@click.option("--from-langsmith", is_flag=True, help="Labels are what people said in LangSmith; as without LABELS.")
@click.option("--experiment", metavar="NAME", help="By default the one begun last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@store_option
def agreement(
    suite: str, labels: Path | None, experiment: str | None, store: str, *, from_langsmith: bool, as_json: bool
) -> int:
    """Compare the results of SUITE with what people said: LABELS is CSV, JSONL or Parquet, or else LangSmith is asked.

    A row is `case_id`, `assertion` and `label`, with `attempt` and `turn` where there are several.
    """
    if labels is not None and from_langsmith:
        raise click.UsageError("labels come from a file or from LangSmith")
    said = None if labels is None else read_labels(labels)
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    record = chosen_experiment(opened, name, experiment)
    if said is None:
        said = _labels(opened, name, record.experiment)
    found = agreements(read_results(opened, name, record.experiment, columns=COLUMNS), said)
    if as_json:
        document = {"suite": name, "experiment": record.experiment, "agreement": [item.to_json() for item in found]}
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        Console().print(_table(found))
    return 0


def _labels(store: Store, suite: str, experiment: str) -> list[HumanLabel]:
    with FeedbackServer() as server:
        said = latest_of_each(verdicts_on(store, suite, experiment, server))
    if not said:
        fix = "correct some scores there, or give a file of labels"
        raise InputError(Problem(message=f"nobody said anything of {experiment} at {server.url}", fix=fix))
    return [one.label() for one in said]


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
