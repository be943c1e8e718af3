"""`eval-pipeline agreement SUITE [LABELS]`: how well assertions and judges agree with human labels."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.analysis.agreement.agreement import COLUMNS, Agreement, agreements, agreements_by_version
from eval_pipeline.analysis.agreement.human_labels import HumanLabel, read_labels
from eval_pipeline.analysis.agreement.trust import keep_agreements
from eval_pipeline.analysis.statistics.agreement import Measure
from eval_pipeline.cli.options import experiment_option, experiment_or_latest, json_option, store_option
from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.cli.shown import echo, escape
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
@click.option("--from-langsmith", is_flag=True, help="Use human feedback in LangSmith; the default without LABELS.")
@experiment_option
@store_option
@json_option
def agreement(
    suite: str, labels: Path | None, experiment: str | None, store: str, *, from_langsmith: bool, as_json: bool
) -> int:
    """Measure how well scores agree with human labels.

    LABELS is a CSV, JSONL or Parquet file with the columns `case_id`, `assertion` and `label`, and with `attempt` and
    `turn` where a case has several. Without it, the labels are the human feedback in LangSmith. What is measured is
    kept for `gates.min_agreement`.
    """
    if labels is not None and from_langsmith:
        raise click.UsageError("LABELS and --from-langsmith cannot be used together")
    human_labels = None if labels is None else read_labels(labels)
    name = read_suite(suite_folder(suite)).name
    opened = open_store(store)
    record = experiment_or_latest(opened, name, experiment)
    if human_labels is None:
        human_labels = _labels_from_langsmith(opened, name, record.experiment)
    results = read_results(opened, name, record.experiment, columns=COLUMNS)
    measured = agreements(results, human_labels)
    keep_agreements(opened, name, record.experiment, agreements_by_version(results, human_labels))
    if as_json:
        document = {"suite": name, "experiment": record.experiment, "agreement": [item.to_json() for item in measured]}
        echo(json.dumps(document, ensure_ascii=False))
    else:
        Console().print(_table(measured))
    return 0


def _labels_from_langsmith(store: Store, suite: str, experiment: str) -> list[HumanLabel]:
    with settings_at_hand() as settings, FeedbackServer(settings) as server:
        verdicts = latest_of_each(verdicts_on(store, suite, experiment, server))
    if not verdicts:
        fix = "add or correct scores there, or give a file of labels"
        raise InputError(Problem(message=f"{experiment} has no human feedback at {server.url}", fix=fix))
    return [verdict.label() for verdict in verdicts]


def _table(measured: Sequence[Agreement]) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, caption="95 % intervals below the measures", padding=(0, 1, 1, 0))
    for column in ("assertion", "compared", "accuracy", "kappa", "spearman", "kendall"):
        table.add_column(column, overflow="fold")
    for item in measured:
        measures = (item.accuracy, item.kappa, item.spearman, item.kendall)
        name = escape(item.assertion if item.judge is None else f"  {item.judge}")
        table.add_row(name, _compared(item), *map(_shown, measures))
    return table


def _compared(item: Agreement) -> str:
    lines = [f"{item.pairs} {item.scale}"]
    lines += [f"{item.unanswered} unanswered"] if item.unanswered else []
    lines += [f"{item.missing} missing"] if item.missing else []
    return "\n".join(lines)


def _shown(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f}\n{measure.low:.2f}..{measure.high:.2f}"
