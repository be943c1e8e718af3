"""`eval-pipeline open EXPERIMENT`: its report, or its traces, in the browser."""

import tempfile
import webbrowser
from pathlib import Path

import click

from eval_pipeline.cli.options import experiment_named, store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import InputError, MissingUpstreamError, Problem
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.tracing.experiment.trace_status import read_traced


@click.command("open")
@click.argument("experiment")
@click.option("--traces", is_flag=True, help="Open the experiment in LangSmith or the recorder instead of its report.")
@click.option("--print", "only_print", is_flag=True, help="Print the address, and open nothing.")
@store_option
def open_(experiment: str, store: str, *, traces: bool, only_print: bool) -> int:
    """Open a report, or traces, in the browser.

    EXPERIMENT is the name of an experiment, or a suite for its latest. Traces in the recorder can be seen while
    `eval-pipeline ui` or `eval-pipeline recorder` runs.
    """
    opened = open_store(store)
    record = experiment_named(opened, experiment)
    url = _traces(opened, record) if traces else _report(opened, record)
    echo(url)
    if not only_print:
        webbrowser.open(url)
    return 0


def _traces(store: Store, record: ExperimentRecord) -> str:
    traced = read_traced(store, record.suite, record.experiment)
    if not traced:
        fix = "set LANGSMITH_API_KEY, or EVAL_PIPELINE_TRACING=recorder, and run again"
        raise InputError(Problem(message=f"{record.experiment} was not traced", fix=fix))
    return traced[0].session.url


def _report(store: Store, record: ExperimentRecord) -> str:
    key = report_key(record.suite, record.experiment)
    uri = store.uri(key)
    data = store.get(key)
    if data is None:
        raise MissingUpstreamError(f"{uri} is not there", fix="materialize experiment_summary")
    if "://" not in uri:
        return Path(uri).resolve().as_uri()
    # A browser has no credentials for a bucket.
    with tempfile.NamedTemporaryFile(suffix=f"-{record.experiment}.html", delete=False) as copy:
        copy.write(data)
    return Path(copy.name).as_uri()
