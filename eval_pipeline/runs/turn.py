"""The runs that a target makes in one turn, whether the attempt is traced or not."""

import contextlib
import datetime as dt
import functools
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from langsmith import RunTree

from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import CollectingClient, collection_in_progress

_UNTRACED = "untraced"
"""The project of runs that are never sent."""


@dataclass(kw_only=True)
class TurnRuns:
    """The runs of one turn, complete when the turn has ended."""

    collected: list[CollectedRun] = field(default_factory=list)
    """In the order in which they started."""


@contextlib.contextmanager
def turn_runs(turn: TurnRuns, *, whole: bool) -> Iterator[None]:
    """Within it, what LangChain, LangGraph and LangSmith trace is collected; at its end it is in `turn`.

    Where the attempt is traced these are the runs of its trace. Where it is not, they are collected nevertheless and
    sent nowhere, so that verdicts do not depend on tracing.

    Args:
        turn: is given the runs.
        whole: whether evaluators look at the runs, so that inputs and outputs of chains are needed, and as objects;
            without it, those of tools and models are kept as JSON.
    """
    collection = collection_in_progress()
    if collection is not None:
        before = len(collection.runs)
        collection.objects = collection.objects or whole
        try:
            yield
        finally:
            turn.collected = collection.since(before)
        return
    client, root = _client(), _root()
    try:
        with client.collecting(root, whole=whole):
            if whole and (collection := collection_in_progress()) is not None:
                collection.objects = True
            yield
    finally:
        turn.collected = client.take(root)


@functools.cache
def _template() -> RunTree:
    return RunTree(name=_UNTRACED, session_name=_UNTRACED, ls_client=_client(), replicas=[])


def _root() -> RunTree:
    """The root of one turn's runs: a copy, which costs a fifth of what a validated run does."""
    run_id, start = uuid.uuid4(), dt.datetime.now(tz=dt.UTC)
    order = f"{start:%Y%m%dT%H%M%S%f}Z{run_id}"
    own = {"id": run_id, "trace_id": run_id, "start_time": start, "dotted_order": order, "ls_client": _client()}
    return _template().model_copy(update=own)


_clients: dict[int, CollectingClient] = {}
"""By process: a client has a lock, which a fork may copy while it is held."""
_lock = threading.Lock()


def _client() -> CollectingClient:
    process = os.getpid()
    client = _clients.get(process)
    if client is None:
        with _lock:
            client = _clients.setdefault(process, CollectingClient())
    return client
