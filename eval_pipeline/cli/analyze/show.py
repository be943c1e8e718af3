"""`eval-pipeline show EXPERIMENT`: the verdict on an experiment, or the transcript of one of its cases."""

import json
from dataclasses import asdict
from typing import Any

import click
import pyarrow.compute as pc
from rich.console import Console

from eval_pipeline.analysis.verdict import read_verdict
from eval_pipeline.cli.evaluate.show import show_verdict
from eval_pipeline.cli.options import experiment_named, json_option, store_option
from eval_pipeline.cli.shown import escape
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.case_result import SAMPLED_OUT, CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import read_results
from eval_pipeline.results.result_row import result_of_row
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.wording import nearest

_STYLE = {"passed": "green", "failed": "red"}


@click.command()
@click.argument("experiment")
@click.option("--case", "case_id", metavar="ID", help="Show the transcript of this case.")
@click.option("--attempt", type=click.IntRange(min=1), default=1, show_default=True, help="The attempt at the case.")
@store_option
@json_option
def show(experiment: str, case_id: str | None, attempt: int, store: str, *, as_json: bool) -> int:
    """Show the verdict on an experiment, or a transcript.

    EXPERIMENT is the name of an experiment, or a suite for its latest.
    """
    opened, console = open_store(store), Console()
    record = experiment_named(opened, experiment)
    if case_id is not None:
        result = _result(opened, record, case_id, attempt)
        if as_json:
            click.echo(json.dumps(asdict(result), default=str, ensure_ascii=False, indent=2))
        else:
            _show_transcript(result, console)
        return 0
    verdict = read_verdict(opened, record.suite, record.experiment)
    if as_json:
        click.echo(json.dumps(verdict.to_json(), indent=2))
        return 0
    show_verdict(opened, verdict, console)
    report = opened.uri(report_key(record.suite, record.experiment))
    console.print(
        f"\nexperiment  {escape(record.experiment)} ({escape(record.created_at[:16])} UTC)\n"
        f"report      {escape(report)}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _result(store: Store, record: ExperimentRecord, case_id: str, attempt: int) -> CaseResult:
    table = read_results(store, record.suite, record.experiment)
    chosen = table.filter(pc.equal(table.column("case_id"), case_id))
    if not chosen.num_rows:
        names = set(table.column("case_id").to_pylist())
        fix = nearest(case_id, names, none="nothing is finished yet")
        raise InputError(Problem(message=f"{record.experiment} has no case {case_id!r}", fix=fix))
    rows = chosen.filter(pc.equal(chosen.column("attempt"), attempt)).to_pylist()
    if not rows:
        message = f"{record.experiment} has no attempt {attempt} at {case_id}"
        fix = f"give a number up to {max(chosen.column('attempt').to_pylist())}"
        raise InputError(Problem(message=message, fix=fix))
    return result_of_row(rows[0], LargeValues(store, record.suite, record.experiment))


def _show_transcript(result: CaseResult, console: Console) -> None:
    style = _STYLE.get(result.status, "yellow")
    score = "" if result.score is None else f" · score {result.score:.2f}"
    cost = "" if result.cost_usd is None else f" · ${result.cost_usd:.4f}"
    console.print(
        f"[bold]{escape(result.case_id)}[/] attempt {result.attempt}: [{style}]{result.status}[/]{score}"
        f" · {result.latency_s:.2f} s{cost}",
        highlight=False,
    )
    for turn in result.turns:
        console.print(f"\n[bold]user[/]       {escape(turn.text)}", highlight=False, soft_wrap=True)
        for event in turn.events:
            console.print(f"[dim]{event['type']:<10} {escape(_event(event))}[/]", highlight=False, soft_wrap=True)
        console.print(f"[bold]assistant[/]  {escape(turn.response)}", highlight=False, soft_wrap=True)
    console.print()
    for assertion in result.assertions:
        mark = {True: "[green]passed[/]", False: "[red]failed[/]", None: "[yellow]scored[/]"}[assertion.passed]
        mark = "[yellow]error[/]" if assertion.error is not None else mark
        value = "" if assertion.score is None else f" {assertion.score:.2f}"
        place = "" if assertion.turn is None else f" (turn {assertion.turn + 1})"
        console.print(
            f"{mark}{value} {escape(assertion.name)}{place}: {escape(assertion.message)}",
            highlight=False,
            soft_wrap=True,
        )
    if result.error is not None:
        error = f"{result.error.name}: {result.error.message}\n{result.error.traceback}"
        console.print(f"\n[red]{escape(error)}[/]", highlight=False, soft_wrap=True)
    if result.trace_url:
        console.print(f"\ntrace  {escape(result.trace_url)}", highlight=False, soft_wrap=True)
    elif result.sampled_out:
        console.print(f"\ntrace  not sent: {SAMPLED_OUT}", highlight=False, soft_wrap=True)


def _event(event: Any) -> str:
    rest = {name: value for name, value in event.items() if name not in ("type", "id") and value is not None}
    return " ".join(f"{name}={value}" for name, value in rest.items())
