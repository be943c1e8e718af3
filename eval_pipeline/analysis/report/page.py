"""Render the report of an experiment.

Output of agents is escaped by the template engine, or reaches the page as data that `report.js` writes with
`textContent`. The page makes no network requests.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from eval_pipeline.analysis.case_values import attempts_made, cost_of, score_of_row
from eval_pipeline.analysis.report import charts
from eval_pipeline.analysis.report.attempts import failing_rows, pack
from eval_pipeline.analysis.report.drawing import STYLE
from eval_pipeline.analysis.report.templating import script, seconds, style, template
from eval_pipeline.analysis.trend import metric_changes, point_of, read_points
from eval_pipeline.analysis.verdict import ExperimentVerdict
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.results.case_result import STATUSES
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import read_results
from eval_pipeline.settings import PipelineSettings
from eval_pipeline.store.store import Store

DEFAULT_UI_URL = "http://127.0.0.1:3000"
LAST = 20
"""The most experiments in the trend."""
MOST_PRINTED = 300
"""The most attempts in the list for printing and for browsers without scripts."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The charts of an experiment; None where there is nothing to draw."""

    trend: Markup | None
    metric_changes: Sequence[str]
    """The experiments of the trend since which metrics are others."""
    scores: Markup | None
    latency: Markup | None
    cost: Markup | None
    deltas: Markup | None


def render_report(
    store: Store,
    record: ExperimentRecord,
    verdict: ExperimentVerdict,
    *,
    pictures: Pictures,
    experiment_url: str | None = None,
) -> str:
    """The report of an experiment as an HTML page.

    Args:
        store: where its results are stored.
        record: the experiment.
        verdict: its summary, comparison and gates.
        pictures: its charts, from `draw`.
        experiment_url: the page of its traces.
    """
    values = LargeValues(store, record.suite, record.experiment)
    packed = pack(failing_rows(store, record.suite, record.experiment), _context(store, record), values)
    code = Markup(script())  # noqa: S704 - our own file
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    comparison = verdict.comparison
    return template("report.html").render(
        record=record,
        verdict=verdict,
        summary=verdict.summary,
        comparison=comparison,
        regressed=[change.case_id for change in comparison.regressed] if comparison else [],
        pictures=pictures,
        packed=packed,
        statuses=STATUSES,
        printed=packed.index[:MOST_PRINTED],
        style=Markup(style() + STYLE),  # noqa: S704 - our own file
        script=code,
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'",
        experiment_url=experiment_url,
        dagster_url=_dagster_url(record),
    )


def draw(store: Store, record: ExperimentRecord, verdict: ExperimentVerdict) -> Pictures:
    """Draw the charts of an experiment."""
    columns = ["status", "score", "latency_s", "cost_usd", "usage", "carried_from"]
    rows = read_results(store, record.suite, record.experiment, columns=columns).to_pylist()
    attempts = attempts_made(rows)
    own = point_of(record, verdict.summary, passed=verdict.passed)
    points = [*reversed(read_points(store, record.suite, before=record, last=LAST - 1)), own]
    costs = [cost for row in attempts if (cost := cost_of(row)) is not None]
    return Pictures(
        trend=charts.trend(points),
        metric_changes=metric_changes(points),
        scores=charts.score_spread([score for row in attempts if (score := score_of_row(row)) is not None]),
        latency=charts.spread([row["latency_s"] for row in attempts], seconds, label="seconds of an attempt"),
        cost=charts.spread(costs, lambda value: f"${value:.2g}", label="dollars of an attempt") if any(costs) else None,
        deltas=None if verdict.comparison is None else charts.deltas(verdict.comparison),
    )


def _context(store: Store, record: ExperimentRecord) -> SharedContext | None:
    """The shared context, or None if it cannot be opened: the report is complete without its documents."""
    if record.context_id is None:
        return None
    try:
        return SharedContext.open(store, record.suite, record.context_id)
    except EvalPipelineError:
        return None


def _dagster_url(record: ExperimentRecord) -> str | None:
    run = record.launched_by.get("run")
    base = (PipelineSettings.from_environment().ui_url or DEFAULT_UI_URL).rstrip("/")
    return f"{base}/runs/{run}" if run and base.startswith(("http://", "https://")) else None
