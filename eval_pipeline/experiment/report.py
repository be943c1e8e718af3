"""The report of an experiment: one self-contained HTML file.

Belongs here: choosing what the page shows. Does not belong here: how it looks (`report.html`) and computing numbers
(`summary.py`). Everything an agent said is escaped by the template engine.
"""

import functools
import json

import jinja2
import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.experiment.deciding import decided_against
from eval_pipeline.experiment.record import ExperimentRecord
from eval_pipeline.experiment.result_log import read_results
from eval_pipeline.experiment.summary import Summary
from eval_pipeline.store.store import Store

MOST_SHOWN = 200
"""Attempts with transcripts on the page; the rest are in the result log."""

_COLUMNS = ["status", "score", "split", "assertions", "turns", "latency_s", "error", "context_id"]


def render_report(store: Store, record: ExperimentRecord, summary: Summary) -> str:
    """The page: headline, metrics, slices, and every attempt that did not pass with its transcript."""
    results = read_results(store, record.suite, record.experiment, columns=_COLUMNS)
    failing = results.filter(pc.is_in(results.column("status"), value_set=pa.array(["failed", "error"])))
    shown = [{**row, "against": decided_against(row)} for row in failing.slice(0, MOST_SHOWN).to_pylist()]
    return _template().render(record=record, summary=summary, failing=shown, failing_count=failing.num_rows)


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eval_pipeline.experiment", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    environment.filters["pretty"] = lambda text: json.dumps(json.loads(text), ensure_ascii=False) if text else ""
    return environment.get_template("report.html")
