"""The tracing of one run's share of an experiment: set up before the first attempt, flushed after the last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval_pipeline.analysis.trend import read_points
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.langsmith.experiments import ExperimentSession
from eval_pipeline.pipeline.experiment_metadata import experiment_plan, root_tags, run_labels
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import DestinationName, LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import stored_origin
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline.tracing.experiment.feedback import feedback_of
from eval_pipeline.tracing.experiment.setup import set_up
from eval_pipeline.tracing.experiment.shared_context_trace import shared_project_of, shared_run_url
from eval_pipeline.tracing.experiment.trace_status import TracedRun, read_traced, write_traced
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.outbox import Outbox
from eval_pipeline.tracing.send.queued_item import QueuedItem
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.case_trace import CaseTracer, Feedback, TracedAttempt
from eval_pipeline.tracing.shape.modes import shared_context_view
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline.tracing.shape.unified import UnifiedTrace, open_unified

FLUSH_SECONDS = 20.0
"""How long a run waits at most for a slow server when all cases are done; the rest is spooled. With the end of its
experiment (`conclude`) that makes 30 s."""


@dataclass(frozen=True, kw_only=True)
class ExperimentTracing:
    """The tracing of one run of an experiment."""

    tracer: CaseTracer
    session: ExperimentSession
    online: bool
    """Whether every destination knows the experiment."""
    _sender: SpoolingSender
    _store: Store
    _record: ExperimentRecord
    _run_id: str
    _settings: LangSmithSettings

    def announce(self) -> None:
        """Write to the store where the experiment is at its first server, for workers that join it."""
        write_traced(self._store, self._record.suite, self._traced(DeliveryCounts()))

    def finish(self, *, seconds: float = FLUSH_SECONDS) -> TracedRun:
        """Send what is left, within so many seconds, and write to the store what became of everything."""
        traced = self._traced(self._sender.close(seconds))
        write_traced(self._store, self._record.suite, traced)
        return traced

    def _traced(self, delivery: DeliveryCounts) -> TracedRun:
        return TracedRun.of(
            self.session,
            delivery,
            run_id=self._run_id,
            trace_mode=self._settings.trace_mode,
            online=self.online,
            attempts=self.tracer.counts.attempts,
            untraced=self.tracer.counts.failed,
        )


def begin_tracing(
    settings: LangSmithSettings,
    *,
    suite: SuiteSpec,
    record: ExperimentRecord,
    dataset: Sequence[Case],
    cases: int,
    context: SharedContext | None,
    store: Store,
    run_id: str,
    unified: UnifiedTrace | None = None,
) -> ExperimentTracing | None:
    """Make dataset and experiment at every destination, or spool what makes them; None when tracing is off.

    Args:
        settings: where runs go, and in what form.
        suite: names the scores and models to expect.
        record: of the experiment.
        dataset: all cases of the pinned dataset.
        cases: how many of them this run evaluates.
        context: what cases read.
        store: where counts are written.
        run_id: Dagster's.
        unified: the experiment's one trace, if this run begins it.

    Raises:
        CredentialsError: a destination refuses its key.
        InputError: the trace mode is `unified`, and the experiment was not begun so.
    """
    if not settings.destinations:
        return None
    redactor = Redactor.of(settings)
    origin = stored_origin(store, record.suite, record.dataset_version)
    earlier = read_traced(store, record.suite, record.experiment) or _last_traced(store, record)
    plan = replace(
        experiment_plan(suite, record, dataset, cases, redactor),
        dataset_id=earlier[0].dataset_id if earlier else None,
    )
    ready = set_up(settings, plan, dataset, redactor=redactor, origin=origin)
    assert ready is not None
    tracing = _tracing(
        settings,
        ready.session,
        online=ready.online,
        owed=ready.owed,
        suite=suite,
        record=record,
        context=context,
        store=store,
        run_id=run_id,
        dataset_cases=len(dataset),
    )
    if unified is not None:
        tracing.tracer.sender.send_runs(unified.runs)
    return tracing


def join_tracing(
    settings: LangSmithSettings,
    begun: TracedRun,
    *,
    suite: SuiteSpec,
    record: ExperimentRecord,
    context: SharedContext | None,
    store: Store,
    run_id: str,
    dataset_cases: int,
) -> ExperimentTracing:
    """The tracing of a process that joins an experiment which a run has begun and announced. No server is asked.

    Args:
        settings: where runs go, and in what form.
        begun: what that run wrote to the store.
        suite: its tags are those of every root run.
        record: of the experiment.
        context: what cases read.
        store: where counts are written.
        run_id: names this process's share.
        dataset_cases: how many cases the dataset has.

    Raises:
        InputError: the trace mode is `unified`, and the experiment was not begun so.
    """
    origin = stored_origin(store, record.suite, record.dataset_version)
    session = replace(begun.session, example_ids={} if origin is None else origin.examples)
    return _tracing(
        settings,
        session,
        online=True,
        owed={},
        suite=suite,
        record=record,
        context=context,
        store=store,
        run_id=run_id,
        dataset_cases=dataset_cases,
    )


def unified_trace(
    settings: LangSmithSettings, record: ExperimentRecord, context: SharedContext | None, *, cases: int, run_id: str
) -> UnifiedTrace | None:
    """The one trace of an experiment about to begin, whose headers its record pins; None in other trace modes.

    Raises:
        InputError: the experiment is too large for one trace.
    """
    if not settings.destinations or settings.trace_mode != "unified":
        return None
    return open_unified(
        _spans(context),
        _origin(settings, record.suite, online=False),
        session_name=record.experiment,
        labels=run_labels(record, run_id),
        cases=cases,
        attempts=record.repetitions or 1,
    )


def _tracing(
    settings: LangSmithSettings,
    session: ExperimentSession,
    *,
    online: bool,
    owed: Mapping[DestinationName, Sequence[QueuedItem]],
    suite: SuiteSpec,
    record: ExperimentRecord,
    context: SharedContext | None,
    store: Store,
    run_id: str,
    dataset_cases: int,
) -> ExperimentTracing:
    redactor, sender = Redactor.of(settings), SpoolingSender(settings, owed=owed)
    origin = _origin(settings, record.suite, online=online)
    shared = shared_context_view(
        settings.trace_mode, context, origin=origin, timing=settings.graft_timing, headers=record.trace_headers
    )
    tracer = CaseTracer(
        experiment=session,
        sender=sender,
        shared=shared,
        feedback=_feedback(session, redactor),
        labels=run_labels(record, run_id),
        root_labels=_root_labels(context, origin, dataset_cases),
        root_tags=root_tags(suite, record),
        sample_rate=settings.trace_sample_rate,
        redact=redactor.json,
        outbox=Outbox(),
    )
    return ExperimentTracing(
        tracer=tracer,
        session=session,
        online=online,
        _sender=sender,
        _store=store,
        _record=record,
        _run_id=run_id,
        _settings=settings,
    )


def _origin(settings: LangSmithSettings, suite: str, *, online: bool) -> Origin:
    """Where the originals of copied spans are."""
    return Origin(
        project=shared_project_of(settings, suite),
        url=shared_run_url(settings, suite, online=online),
        llm_as=settings.graft_llm_as,
        redact=Redactor.of(settings).json,
    )


def _last_traced(store: Store, record: ExperimentRecord) -> list[TracedRun]:
    """What the experiment before this one traced: a new host learns from it the dataset of an unreachable server."""
    points = read_points(store, record.suite, last=1, before=record)
    return [] if not points else read_traced(store, record.suite, points[0].experiment)


def _feedback(session: ExperimentSession, redactor: Redactor) -> Feedback:
    def feedback(result: CaseResult, trace: TracedAttempt) -> Sequence[Mapping[str, Any]]:
        return feedback_of(
            result,
            run_id=trace.run_id,
            trace_id=trace.trace_id,
            session_id=session.id,
            start_time=trace.start_time,
            evaluator_run_id=trace.evaluator_run_id,
            redactor=redactor,
        )

    return feedback


def _root_labels(context: SharedContext | None, origin: Origin, cases: int) -> dict[str, Any]:
    spans = _spans(context)
    if spans is None:
        return {}
    url = {} if spans.root is None or origin.url is None else {"shared_trace_url": origin.url(spans.root.id)}
    return {**url, **spans.per_case(cases)}


def _spans(context: SharedContext | None) -> SharedSpans | None:
    return None if context is None or context.trace is None else SharedSpans(context.trace)
