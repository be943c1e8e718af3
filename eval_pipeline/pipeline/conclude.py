"""Concluding an experiment: its verdict, its report, and the end of its project in LangSmith."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval_pipeline.analysis.costs import cost_metadata
from eval_pipeline.analysis.report.page import Pictures, draw, render_report
from eval_pipeline.analysis.summary import Summary
from eval_pipeline.analysis.verdict import ExperimentVerdict, verdict_of, write_verdict
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.experiments import close_experiment
from eval_pipeline.langsmith.reports import publish_report
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline.tracing.experiment.feedback import summary_feedback
from eval_pipeline.tracing.experiment.setup import end_request
from eval_pipeline.tracing.experiment.trace_status import TracedRun, read_traced
from eval_pipeline.tracing.send.flush import spool_folder
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.send.spool import keep_requests

_log = logger_of(__name__)

_FLUSH_SECONDS = 4.0
"""For the scores of the experiment as a whole, which are few."""
_REQUEST_SECONDS = 3.0
"""For each of the two requests that close its project."""


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """The outcome of an experiment."""

    verdict: ExperimentVerdict
    pictures: Pictures
    traced: Sequence[TracedRun]
    """What each run traced, the runs that reached a server first; empty if nothing was traced."""
    report_url: str | None = None
    """Where the recorder serves its report; None where it did not take it."""

    @property
    def experiment_url(self) -> str | None:
        """Where its traces are."""
        return self.traced[0].session.url if self.traced else None


def conclude(
    store: Store, spec: SuiteSpec, record: ExperimentRecord, settings: LangSmithSettings, *, folder: Path | None = None
) -> Conclusion:
    """Judge an experiment, write its summary and report, and close its project. May be done again.

    Args:
        store: where the experiment is.
        spec: of its suite.
        record: the experiment.
        settings: where traces go.
        folder: the suite's, from which summary evaluators are imported.

    Raises:
        MissingUpstreamError: the baseline that the suite names is not there.
    """
    verdict = verdict_of(store, spec, record, folder=folder)
    write_verdict(store, record, verdict)
    traced = read_traced(store, record.suite, record.experiment)
    conclusion = Conclusion(verdict=verdict, pictures=draw(store, record, verdict), traced=traced)
    page = render_report(store, record, verdict, pictures=conclusion.pictures, experiment_url=conclusion.experiment_url)
    store.put(report_key(record.suite, record.experiment), page.encode())
    _end_tracing(settings, traced, verdict.summary)
    served = publish_report(settings, record.experiment, page) if traced else None
    return replace(conclusion, report_url=served)


def _end_tracing(settings: LangSmithSettings, traced: Sequence[TracedRun], summary: Summary) -> None:
    """Close the experiment's project and score it as a whole. What a server does not take now is spooled."""
    if not traced:
        return
    session = traced[0].session
    scores = {name: score.mean for name, score in summary.metrics.items()}
    if summary.pass_rate is not None:
        scores["pass_rate"] = summary.pass_rate.mean
    scores |= {name: number.mean for name, number in summary.numbers.items()}
    scores |= {each.name: each.score for each in summary.overall if each.score is not None}
    sender = SpoolingSender(settings)
    sender.send_feedback(summary_feedback(session.id, scores))
    sender.close(_FLUSH_SECONDS)
    cost = {} if summary.cost_usd is None else {"cost_usd": summary.cost_usd}
    metadata = {
        **cost,
        **cost_metadata(summary.costs),
        "attempts": summary.attempts,
        **{f"{name}_attempts": n for name, n in summary.status_counts.items()},
    }
    brief = settings.model_copy(
        update={"request_timeout_seconds": min(_REQUEST_SECONDS, settings.request_timeout_seconds)}
    )
    for destination in settings.destinations:
        with Connection(destination, brief) as connection:
            try:
                close_experiment(connection, session, metadata=metadata, redactor=Redactor.of(settings))
            except TransientError:
                if not keep_requests(spool_folder(settings, destination.name), [end_request(session)]):
                    _log.error("%s does not know that %s has ended", destination.api_url, session.name)
