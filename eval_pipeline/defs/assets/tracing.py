"""Metadata of materializations about traces: projects, experiments, URLs, and what was sent, spooled and lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from eval_pipeline.defs.assets.upstream import Context, launch_id
from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.langsmith.ids import session_id
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import experiment_name
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.setup import check_destinations
from eval_pipeline.tracing.experiment.trace_status import TracedRun, TraceStatus, read_traced
from eval_pipeline.variants.links import VariantLinks
from eval_pipeline.variants.variant_comparison import VariantComparison

EXPERIMENT_URL = "langsmith/experiment_url"
TRACE_URL = "langsmith/trace_url"
DATASET_URL = "langsmith/dataset_url"
SHARED_TRACE_URL = "langsmith/shared_trace_url"
COMPARISON_URL = "langsmith/comparison_url"
SESSION = "langsmith/session_id"
RUNS_SENT, RUNS_SPOOLED, RUNS_DROPPED = "langsmith/runs_sent", "langsmith/runs_spooled", "langsmith/runs_dropped"

Metadata = dict[str, Any]


_checked: set[str] = set()
"""Runs of this process; all steps of a run are made by one process."""


def check_once(context: dg.AssetExecutionContext, settings: LangSmithSettings, progress: Progress) -> None:
    """At the start of a run, report what happens to its traces if a server cannot be reached.

    Raises:
        CredentialsError: a server refuses its key.
    """
    if context.run.run_id in _checked:
        return
    for message in check_destinations(settings):
        context.log.warning(message)
        progress.step(message)
    _checked.add(context.run.run_id)


def url_metadata(name: str, url: str | None) -> Metadata:
    """A link, if there is one."""
    return {} if url is None else {name: dg.MetadataValue.url(url)}


def case_trace_metadata(session: ExperimentSession, results: Sequence[CaseResult]) -> Metadata:
    """Of a partition: the trace of the first attempt that did not pass, or else of the first."""
    results = [result for result in results if result.trace_url is not None]
    shown = next((result for result in results if result.status != "passed"), results[0] if results else None)
    return {**session_metadata(session), **url_metadata(TRACE_URL, None if shown is None else shown.trace_url)}


def session_metadata(session: ExperimentSession) -> Metadata:
    """An experiment and its project, which have one name."""
    return {
        "langsmith/project": session.name,
        "langsmith/experiment": session.name,
        **url_metadata(EXPERIMENT_URL, session.url),
    }


def launch_links(context: Context, suite: Suite, settings: LangSmithSettings, dataset_url: str | None) -> Metadata:
    """The experiment of a run's launch, of an asset that is made before it begins: its name, and its URL if known."""
    if not settings.destinations:
        return {}
    experiment = experiment_name(suite.name, launch_id(context))
    url = None
    if dataset_url is not None:
        identity = session_id(dataset_url.rpartition("/")[2], experiment)
        url = f"{dataset_url}/compare?selectedSessions={identity}"
    return {"langsmith/project": experiment, "langsmith/experiment": experiment, **url_metadata(EXPERIMENT_URL, url)}


def traced_links(store: Store, suite: str, *experiments: str) -> Metadata:
    """The project, the URL and the dataset of the first of these experiments that was traced; nothing without one."""
    for experiment in experiments:
        if traced := read_traced(store, suite, experiment):
            session = traced[0].session
            return {**session_metadata(session), **url_metadata(DATASET_URL, session.dataset_url)}
    return {}


def comparison_links(store: Store, comparison: VariantComparison) -> Metadata:
    """As `traced_links`, of the winner of a comparison, or else of the suite as it stands."""
    first = comparison.winner or CURRENT
    experiments = {each.name: each.experiment for each in comparison.standings}
    own = experiments.pop(first, None)
    return traced_links(store, comparison.suite, *([] if own is None else [own]), *experiments.values())


def traced_metadata(traced: TracedRun) -> Metadata:
    """Of `experiment`: where traces are, and what became of those of this run."""
    return {
        **session_metadata(traced.session),
        "langsmith/online": traced.online,
        "langsmith/attempts_traced": traced.attempts,
        "langsmith/attempts_untraced": traced.untraced,
        RUNS_SENT: traced.runs_sent,
        RUNS_SPOOLED: traced.runs_spooled,
        RUNS_DROPPED: traced.runs_dropped,
        "langsmith/feedback_sent": traced.feedback_sent,
        "langsmith/feedback_spooled": traced.feedback_spooled,
        "langsmith/feedback_dropped": traced.feedback_dropped,
    }


def summary_trace_metadata(traced: Sequence[TracedRun], before: str | None) -> Metadata:
    """Of `experiment_summary`: the experiment, and a comparison with the one summarized before it."""
    if not traced:
        return {}
    session = traced[0].session
    compared = None if before in (None, str(session.id)) else session.comparison_url(str(before))
    return {**session_metadata(session), SESSION: str(session.id), **url_metadata(COMPARISON_URL, compared)}


def variant_links_metadata(links: Mapping[str, VariantLinks]) -> Metadata:
    """Of `variant_comparison`: each variant's experiment, and beside that of the suite as it stands."""
    metadata: Metadata = {}
    for name, link in links.items():
        metadata |= url_metadata(f"{EXPERIMENT_URL}/{name}", link.experiment)
        metadata |= url_metadata(f"{COMPARISON_URL}/{name}", link.beside_current)
    return metadata


def trace_status_metadata(status: TraceStatus) -> Metadata:
    """Of the check `traces_complete`."""
    return {
        **({} if status.rows_present is None else {"rows_present": status.rows_present}),
        "rows_expected": status.rows_expected,
        "runs_sent": status.delivery.runs_sent,
        "runs_spooled": status.delivery.runs_spooled,
        "runs_dropped": status.delivery.runs_dropped,
        "attempts_untraced": status.untraced,
    }
