"""What is told to servers before an experiment begins: the dataset of a suite, and the shared context's own trace."""

import datetime as dt
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.dataset_sync import sync_dataset
from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.server_memory import ServerMemory
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.origin import DatasetOrigin
from eval_pipeline.tracing.send.counts import Counts
from eval_pipeline.tracing.send.sending import SpoolingSender
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline.tracing.shape.shared_trace import MOST_RUNS, shared_project, shared_trace_runs
from eval_pipeline.tracing.shape.spans import Span, StoredSpans

FLUSH_SECONDS = 15.0
"""What a slow server is waited for with the trace of a snapshot; the rest is spooled."""
_RUNS_AT_ONCE = 2_000

_log = logger_of(__name__)

RunUrl = Callable[[str], str]


def sync_datasets(
    settings: LangSmithSettings, suite: str, cases: Sequence[Case], *, origin: DatasetOrigin | None = None
) -> str | None:
    """Make the dataset hold `cases` at every destination; where it can be seen, at the first that answers.

    Nothing is written where cases came from.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    url: str | None = None
    dataset_id: UUID | None = None
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        memory = ServerMemory(settings, connection)
        try:
            if not connection.check():
                continue
            dataset = sync_dataset(
                connection,
                suite=suite,
                cases=cases,
                redactor=Redactor.of(settings),
                dataset_id=dataset_id,
                new_id=memory.known().datasets.get(suite),
                origin=origin,
                verified=memory.verified,
            )
            # The experiment has to know it, should the server be away when it begins.
            name = memory.name_of(suite, origin)
            memory.learn(name, dataset.dataset_id, connection.tenant_id, verified=dataset.verified)
            dataset_id = dataset_id or dataset.dataset_id
            url = url or connection.urls.dataset(dataset.dataset_id)
        except TransientError as error:
            _log.warning("%s", error)
        finally:
            connection.close()
    return url


def shared_project_of(settings: LangSmithSettings, suite: str) -> str:
    """The project of the shared traces of a suite."""
    return settings.project or shared_project(suite)


def shared_run_url(settings: LangSmithSettings, suite: str, *, online: bool = True) -> RunUrl | None:
    """From the id of a run of the shared trace to where it can be seen; None if that cannot be told now.

    A server that is away, or is not `online`, is not asked: what was learnt of it before will do.
    """
    if not settings.destinations:
        return None
    destination, name = settings.destinations[0], shared_project_of(settings, suite)
    connection = Connection(destination, settings)
    try:
        memory = ServerMemory(settings, connection)
        found = _project_id(connection, name) if online else None
        if found is not None:
            memory.learn_project(name, found, connection.tenant_id)
        known = memory.known()
        project_id = found or known.projects.get(name)
        if project_id is None:
            return None
        urls = WebUrls(web_url=destination.web_url, tenant_id=known.tenant_id)
        return lambda run_id: urls.run(project_id, run_id)
    finally:
        connection.close()


def send_shared_trace(
    settings: LangSmithSettings, suite: str, spans: Sequence[Span], *, labels: Mapping[str, Any], timeout_s: float
) -> Counts:
    """Send the shared context's own trace, unless it is there. What cannot be sent is spooled."""
    if not (spans and settings.destinations) or _everywhere(settings, spans[min(len(spans), MOST_RUNS) - 1].id):
        return Counts()
    sender, until = SpoolingSender(settings), time.monotonic() + timeout_s
    runs = shared_trace_runs(spans, session_name=shared_project_of(settings, suite), labels=labels)
    moved = _in_window(runs, spans)
    try:
        # A search for each case is more than the queue has room for, and need not be in memory together.
        while some := list(itertools.islice(moved, _RUNS_AT_ONCE)):
            # The last of them went last: whoever sent them before may have died in between.
            if not _everywhere(settings, some[-1]["id"]):
                sender.send_runs(some)
                sender.drain(max(0.0, until - time.monotonic()))
    finally:
        counts = sender.close(max(0.0, until - time.monotonic()))
    return counts


def send_context_trace(settings: LangSmithSettings, suite: str, context: SharedContext, run_id: str) -> str | None:
    """Send the trace of a snapshot, as `send_shared_trace` does. Where it is; None if nothing is traced."""
    if context.trace is None or not settings.destinations:
        return None
    spans = StoredSpans(context.trace)
    run_url = shared_run_url(settings, suite)
    labels = {"suite": suite, "shared_context_id": context.id, "dagster_run_id": run_id}
    send_shared_trace(settings, suite, spans, labels=labels, timeout_s=FLUSH_SECONDS)
    root = next((span.id for span in spans if span.parent_id is None), None)
    return None if root is None or run_url is None else run_url(root)


def _in_window(runs: Iterable[CompleteRun], spans: Iterable[Span]) -> Iterator[CompleteRun]:
    """The runs, moved as a whole into the 24 h that LangSmith takes, if the snapshot is older."""
    starts = [span.start_time for span in spans]
    delta = delta_for(min(starts), max(starts), dt.datetime.now(tz=dt.UTC))
    return (retime(dict(run), delta) if delta else run for run in runs)


def _everywhere(settings: LangSmithSettings, run_id: str) -> bool:
    """Whether a run is at every destination: a snapshot that is reused was sent before, and not always there."""
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            if not connection.request("GET", f"/runs/{run_id}").ok:
                return False
        finally:
            connection.close()
    return True


def _project_id(connection: Connection, name: str) -> UUID | None:
    answer = connection.json("GET", "/sessions", name=name, limit=1)
    if answer.ok and not answer.json():
        answer = connection.json("POST", "/sessions", {"name": name}, upsert="true")
    if not answer.ok:
        return None
    found = answer.json()
    return UUID(str((found[0] if isinstance(found, list) else found)["id"]))
