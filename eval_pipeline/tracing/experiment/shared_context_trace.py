"""Send the shared context's own trace, once to every destination."""

import datetime as dt
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.protocol.time_window import delta_for, retime
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.tracing.experiment.server_cache import ServerCache
from eval_pipeline.tracing.send.delivery_counts import DeliveryCounts
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline.tracing.shape.shared_trace import MOST_RUNS, shared_project, shared_trace_runs
from eval_pipeline.tracing.shape.spans import Span, StoredSpans

FLUSH_SECONDS = 15.0
"""How long to wait for a slow server with the trace of a snapshot; the rest is spooled."""
_RUNS_AT_ONCE = 2_000

RunUrl = Callable[[str], str]


def shared_project_of(settings: LangSmithSettings, suite: str) -> str:
    """The project of the shared traces of a suite."""
    return settings.project or shared_project(suite)


def shared_run_url(settings: LangSmithSettings, suite: str, *, online: bool = True) -> RunUrl | None:
    """A function from a run's id in the shared trace to its URL; None if the URLs are not known.

    A server that is unreachable, or is not `online`, is not asked: the ids cached earlier are used.
    """
    if not settings.destinations:
        return None
    destination, name = settings.destinations[0], shared_project_of(settings, suite)
    with Connection(destination, settings) as connection:
        cache = ServerCache(settings, connection)
        project_id = _project_id(connection, name) if online else None
        if project_id is not None:
            cache.keep_project(name, project_id, connection.tenant_id)
        cached = cache.read()
    known_id = project_id or cached.projects.get(name)
    if known_id is None:
        return None
    urls = WebUrls(web_url=destination.web_url, tenant_id=cached.tenant_id)
    return lambda run_id: urls.run(known_id, run_id)


def send_shared_trace(
    settings: LangSmithSettings, suite: str, spans: Sequence[Span], *, labels: Mapping[str, Any], timeout_s: float
) -> DeliveryCounts:
    """Send the shared context's own trace, unless every destination has it. What cannot be sent is spooled."""
    if not (spans and settings.destinations) or _everywhere(settings, spans[min(len(spans), MOST_RUNS) - 1].id):
        return DeliveryCounts()
    sender, until = SpoolingSender(settings), time.monotonic() + timeout_s
    runs = shared_trace_runs(spans, session_name=shared_project_of(settings, suite), labels=labels)
    moved = _in_window(runs, spans)
    try:
        # The queue has no room for a search for each case, and they need not be in memory together.
        while batch := list(itertools.islice(moved, _RUNS_AT_ONCE)):
            # Look for the last of a batch: a process that sent it before may have died in between.
            if not _everywhere(settings, batch[-1]["id"]):
                sender.send_runs(batch)
                sender.drain(max(0.0, until - time.monotonic()))
    finally:
        counts = sender.close(max(0.0, until - time.monotonic()))
    return counts


def send_context_trace(settings: LangSmithSettings, suite: str, context: SharedContext, run_id: str) -> str | None:
    """Send the trace of a snapshot, as `send_shared_trace` does; returns its URL, None if nothing is traced."""
    if context.trace is None or not settings.destinations:
        return None
    spans = StoredSpans(context.trace)
    run_url = shared_run_url(settings, suite)
    labels = {"suite": suite, "shared_context_id": context.id, "dagster_run_id": run_id}
    send_shared_trace(settings, suite, spans, labels=labels, timeout_s=FLUSH_SECONDS)
    root = next((span.id for span in spans if span.parent_id is None), None)
    return None if root is None or run_url is None else run_url(root)


def _in_window(runs: Iterable[CompleteRun], spans: Iterable[Span]) -> Iterator[CompleteRun]:
    """The runs, moved as a whole into the 24 h that LangSmith accepts, if the snapshot is older."""
    starts = [span.start_time for span in spans]
    delta = delta_for(min(starts), max(starts), dt.datetime.now(tz=dt.UTC))
    return (retime(dict(run), delta) if delta else run for run in runs)


def _everywhere(settings: LangSmithSettings, run_id: str) -> bool:
    """Whether every destination has a run: a snapshot that is reused was sent before, but not always everywhere."""
    for destination in settings.destinations:
        with Connection(destination, settings) as connection:
            if not connection.request("GET", f"/runs/{run_id}").ok:
                return False
    return True


def _project_id(connection: Connection, name: str) -> UUID | None:
    response = connection.json("GET", "/sessions", name=name, limit=1)
    if response.ok and not response.json():
        response = connection.json("POST", "/sessions", {"name": name}, upsert="true")
    if not response.ok:
        return None
    project = response.json()
    return UUID(str((project[0] if isinstance(project, list) else project)["id"]))
