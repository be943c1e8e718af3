"""Trace one attempt: a root named after the case, the shared context below it, then the runs of the attempt.

    <case id>                      inputs: the case's; outputs: the target's
    ├── shared_context …           by the trace mode (`modes.py`)
    └── evaluate_case              the evaluator's graph: turns → target → tools and models; assertions → judge

Nothing is sent while the attempt runs. When it has ended its runs are complete, so each is sent once, and feedback
after them; with an outbox, when its result is durable as well.
"""

import contextlib
import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

from langsmith import RunTree, uuid7_from_datetime
from typing_extensions import override

from eval_pipeline.evaluation.attempt import Attempt, AttemptTrace, AttemptTracer
from eval_pipeline.langsmith.protocol.dotted_order import parse_dotted_order
from eval_pipeline.langsmith.protocol.rules import validate_run_post
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import CollectingClient
from eval_pipeline.runs.collecting_tracer import WORKFLOW_NAME
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.telemetry.reporting import listening
from eval_pipeline.telemetry.trace_headers import trace_headers_from
from eval_pipeline.tracing.collect.reported_turns import ReportedTurns
from eval_pipeline.tracing.send.outbox import Outbox
from eval_pipeline.tracing.send.sampling import is_sampled
from eval_pipeline.tracing.shape.case_root import complete_root, inputs_of_row
from eval_pipeline.tracing.shape.completion import complete
from eval_pipeline.tracing.shape.continued import continuing_headers
from eval_pipeline.tracing.shape.fields import Redact, as_it_is
from eval_pipeline.tracing.shape.modes import NoSharedContext, SharedContextView
from eval_pipeline.tracing.shape.run import Anchor, CompleteRun

_log = logger_of(__name__)


@dataclass(frozen=True, kw_only=True)
class TracedAttempt:
    """The complete trace of one attempt, ready to be sent."""

    trace_id: str
    run_id: str
    """The id of the case's root."""
    start_time: dt.datetime
    evaluator_run_id: str | None
    runs: list[CompleteRun]
    """Parents first."""


class TraceSink(Protocol):
    """Takes complete runs and feedback. Its methods never raise, and return at once."""

    def send_runs(self, runs: Sequence[CompleteRun], *, graft: bool = False) -> None:
        """Send complete runs, parents first."""

    def send_feedback(self, feedback: Sequence[Mapping[str, Any]]) -> None:
        """Send feedback."""


class Experiment(Protocol):
    """The experiment's project."""

    @property
    def name(self) -> str:
        """The project's name."""

    def run_url(self, run_id: str) -> str:
        """The URL of a run."""

    @property
    def id(self) -> UUID:
        """The project's id."""

    @property
    def dataset_id(self) -> UUID:
        """The id of the dataset."""

    def example_id(self, case_id: str) -> UUID:
        """The id of a case's example."""


Feedback = Callable[[CaseResult, TracedAttempt], Sequence[Mapping[str, Any]]]


@dataclass(kw_only=True)
class TraceCounts:
    """Count the traces that were built, before anything was sent."""

    attempts: int = 0
    runs: int = 0
    repaired: int = 0
    left_out: int = 0
    failed: int = 0
    """Attempts whose trace could not be built; their results have no trace id."""


@dataclass(frozen=True, kw_only=True)
class CaseTracer(AttemptTracer):
    """Traces the attempts of one experiment in this process. Create it after any fork."""

    experiment: Experiment
    sender: TraceSink
    shared: SharedContextView = field(default_factory=NoSharedContext)
    feedback: Feedback = field(default=lambda _result, _traced: ())
    labels: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of every run: `suite`, `experiment`, `shared_context_id`, `git_sha`, `dagster_run_id`; small, because
    every run has it."""
    root_labels: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of the root only, such as `shared_trace_url` and `shared_cost_per_case`."""
    tags: tuple[str, ...] = ()
    """Of every run."""
    root_tags: tuple[str, ...] = ()
    """Of the root only, such as `batch:2026-11-30`."""
    sample_rate: float = 1.0
    """The share of traces that the sender sends."""
    redact: Redact = as_it_is
    """Applied only to fields that are cut; the sender redacts everything else."""
    client: CollectingClient = field(default_factory=CollectingClient)
    counts: TraceCounts = field(default_factory=TraceCounts)
    outbox: Outbox | None = None
    """Holds traces until `durable`; without one they are sent when the attempt ends."""

    def url_of(self, run_id: str, trace_id: str) -> str | None:
        """The page of a run; None where its trace is not in the sample, and so does not exist."""
        return self.experiment.run_url(run_id) if is_sampled(trace_id, self.sample_rate) else None

    def durable(self, results: Sequence[CaseResult]) -> None:
        """Send the traces of results that are durable now. Never raises."""
        if self.outbox is not None:
            run_ids = [result.run_id for result in results if result.run_id is not None]
            self.counts.failed += self.outbox.release(run_ids)

    @override
    def example_id(self, case_id: str) -> str:
        """The id of a case's example."""
        return str(self.experiment.example_id(case_id))

    @override
    @contextlib.contextmanager
    def attempt(self, attempt: Attempt) -> Iterator[AttemptTrace]:
        """Within it, everything traced in this task, and in tasks and threads it starts, belongs to this attempt."""
        # A local variable keeps the root alive: the context has only a weak reference to it.
        root = self._root(attempt)
        if root is None:
            yield Untraced()
            return
        reported = ReportedTurns()
        case = attempt.case
        ids = {"case_id": case.id, "attempt": attempt.number, "example_id": self.example_id(case.id)}
        headers = functools.partial(
            continuing_headers,
            self.client,
            root,
            metadata={**self.labels, **ids},
            tags=[*case.tags, *self.tags, *self.root_tags],
        )
        try:
            with (
                self.client.collecting(root),
                listening(reported.add),
                trace_headers_from(headers),
            ):
                yield CaseTrace(tracer=self, case_attempt=attempt, root=root, reported=reported)
        finally:
            # Nothing stays in memory, whatever happened. An attempt without a result has no row, and sends nothing.
            self.client.take(root)

    def _root(self, attempt: Attempt) -> RunTree | None:
        try:
            return self._make_root(attempt)
        except Exception:  # noqa: BLE001 - as in `finish`
            self.counts.failed += 1
            _log.exception("case %s, attempt %d, cannot be traced", attempt.case.id, attempt.number)
            return None

    def _make_root(self, attempt: Attempt) -> RunTree:
        case_id = attempt.case.id
        parent = self.shared.parent(self.client)
        start = dt.datetime.now(tz=dt.UTC) - self.shared.lead_time(case_id)
        if parent is None:
            return RunTree(
                name=case_id,
                id=uuid7_from_datetime(start),
                start_time=start,
                session_name=self.experiment.name,
                ls_client=self.client,
                replicas=[],
            )
        # The clock of the host that opened the trace may be ahead of this one's.
        start = max(start, parse_dotted_order(parent.dotted_order)[-1].start_time)
        return RunTree(
            name=case_id,
            id=uuid7_from_datetime(start),
            start_time=start,
            trace_id=parent.trace_id,
            parent_run=parent,
            session_name=parent.session_name,
            ls_client=self.client,
            replicas=[],
        )


class Untraced(AttemptTrace):
    """An attempt whose trace could not be started."""

    @property
    @override
    def place(self) -> None:
        """None: it has no run."""

    @override
    def finish(self, result: CaseResult) -> CaseResult:
        """Return the result as it is."""
        return result


@dataclass(frozen=True, kw_only=True)
class CaseTrace(AttemptTrace):
    """The trace of one attempt in progress."""

    tracer: CaseTracer
    case_attempt: Attempt
    root: RunTree
    reported: ReportedTurns

    @property
    @override
    def place(self) -> AttemptPlace:
        experiment = self.tracer.experiment
        return AttemptPlace(
            run_id=self.root.id,
            trace_id=self.root.trace_id,
            start_time=self.root.start_time,
            example_id=experiment.example_id(self.case_attempt.case.id),
            dataset_id=experiment.dataset_id,
            session_id=experiment.id,
        )

    @override
    def finish(self, result: CaseResult) -> CaseResult:
        """Complete the trace and hand it over; returns the result with the trace's ids, unless that failed."""
        tracer, collected = self.tracer, self.tracer.client.take(self.root)
        try:
            collected += self.reported.runs(str(self.root.id), collected)
            traced, grafted = self._complete(result, collected)
            traced_result = replace(
                result,
                trace_id=traced.trace_id,
                run_id=traced.run_id,
                trace_url=tracer.url_of(traced.run_id, traced.trace_id),
            )
            feedback = tracer.feedback(traced_result, traced)
            send = functools.partial(_send, tracer.sender, traced.runs, grafted, feedback)
            if tracer.outbox is None:
                send()
            else:
                tracer.outbox.put(traced.run_id, send)
        except Exception:  # noqa: BLE001 - a trace must never cost the result it is about
            tracer.counts.failed += 1
            _log.exception("the trace of case %s, attempt %d, is lost", result.case_id, result.attempt)
            return result
        tracer.counts.attempts += 1
        tracer.counts.runs += len(traced.runs)
        return traced_result

    def _complete(self, result: CaseResult, collected: Sequence[CollectedRun]) -> tuple[TracedAttempt, int]:
        tracer, end = self.tracer, dt.datetime.now(tz=dt.UTC)
        labels = attempt_labels(tracer, result)
        root = complete_root(
            self.root,
            result,
            inputs=inputs_of_row(self.case_attempt.case, result),
            end_time=end,
            metadata={**labels, **tracer.root_labels, **_answer_origin(result)},
            tags=[*tracer.tags, *tracer.root_tags],
            redact=tracer.redact,
        )
        if root["parent_run_id"] is None:
            root["reference_example_id"] = tracer.example_id(result.case_id)
        below = Anchor.of(root)
        shared = tracer.shared.runs(result.case_id, below, labels, tracer.tags)
        valid = [run for run in shared if not validate_run_post(dict(run), now=end)]
        live = complete(
            collected,
            below=below,
            end_time=end,
            labels=labels,
            tags=tracer.tags,
            redact=tracer.redact,
        )
        tracer.counts.repaired += live.repaired
        tracer.counts.left_out += live.left_out + len(shared) - len(valid)
        evaluator = next((run["id"] for run in live.runs if run["name"] == WORKFLOW_NAME), None)
        traced = TracedAttempt(
            trace_id=below.trace_id,
            run_id=below.run_id,
            start_time=below.start_time,
            evaluator_run_id=evaluator,
            runs=[root, *valid, *live.runs],
        )
        return traced, len(valid)


def _send(sender: TraceSink, runs: Sequence[CompleteRun], grafted: int, feedback: Sequence[Mapping[str, Any]]) -> None:
    # The root before its copies, and the live runs last: a reader in between sees a tree.
    sender.send_runs(runs[:1])
    if grafted:
        sender.send_runs(runs[1 : 1 + grafted], graft=True)
    sender.send_runs(runs[1 + grafted :])
    if feedback:
        sender.send_feedback(feedback)


def _answer_origin(result: CaseResult) -> dict[str, Any]:
    """Metadata that leads from a row whose answer was reused to the trace of the answer."""
    origin = result.answer_from
    return {} if origin is None else {"answer_from_experiment": origin.experiment, "answer_trace": origin.trace_url}


def attempt_labels(tracer: CaseTracer, result: CaseResult) -> dict[str, Any]:
    """Metadata of every run of an attempt. In a Dagster run, the case is a partition."""
    ids = {"case_id": result.case_id, "attempt": result.attempt, "example_id": tracer.example_id(result.case_id)}
    if result.context_id is not None:
        ids["shared_ctx_id"] = result.context_id
    partition = {"dagster_partition": result.case_id} if "dagster_run_id" in tracer.labels else {}
    return {**tracer.labels, **partition, **ids}
