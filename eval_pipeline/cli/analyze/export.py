"""`eval-pipeline export EXPERIMENT`: the results of an experiment in the format of another tool."""

from collections.abc import Callable
from pathlib import Path

import click

from eval_pipeline.analysis.export.experiment import ExportedExperiment
from eval_pipeline.analysis.export.junit import junit_xml
from eval_pipeline.analysis.export.markdown import markdown
from eval_pipeline.analysis.export.tables import csv_table, jsonl_table, parquet_table
from eval_pipeline.cli.options import experiment_named, store_option
from eval_pipeline.cli.shown import echo
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store


def _report(store: Store, record: ExperimentRecord) -> bytes:
    key = report_key(record.suite, record.experiment)
    data = store.get(key)
    if data is None:
        raise MissingUpstreamError(f"{store.uri(key)} is not there", fix="materialize experiment_summary")
    return data


_FORMATS = ("csv", "jsonl", "parquet", "junit", "md", "html")


def _exported(store: Store, record: ExperimentRecord, format_: str) -> bytes:
    tables: dict[str, Callable[[Store, str, str], bytes]] = {
        "csv": csv_table,
        "jsonl": jsonl_table,
        "parquet": parquet_table,
    }
    if format_ in tables:
        return tables[format_](store, record.suite, record.experiment)
    if format_ == "html":
        return _report(store, record)
    experiment = ExportedExperiment.read(store, record)
    return junit_xml(experiment) if format_ == "junit" else markdown(experiment).encode()


@click.command()
@click.argument("experiment")
@click.option("--format", "format_", type=click.Choice(_FORMATS), required=True, help="Format to write.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: stdout]")
@store_option
def export(experiment: str, format_: str, out: Path | None, store: str) -> int:
    """Write results as CSV, JSONL, Parquet, JUnit, Markdown or HTML.

    EXPERIMENT is the name of an experiment, or a suite for its latest. `csv`, `jsonl` and `parquet` have a row for each
    attempt, `junit` a test case for each attempt and gate, `md` is the text for a pull request, `html` the report.
    """
    opened = open_store(store)
    data = _exported(opened, experiment_named(opened, experiment), format_)
    if out is None:
        click.echo(data, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data)
        echo(f"wrote {out}", err=True)
    return 0
