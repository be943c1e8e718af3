"""A LangSmith client that keeps runs in memory until their trace is taken, and sends nothing.

LangChain's tracer, LangGraph and `@traceable` post a run when it starts and patch it when it ends; here both become one
complete run, so that each costs one ingest event instead of two. It needs `enabled=True`: under `enabled="local"`
LangChain's runs still arrive, but those of `@traceable` functions do not.
"""

import contextlib
import contextvars
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain_core.tracers.context import tracing_v2_callback_var
from langsmith import Client, RunTree, tracing_context
from langsmith.utils import LangSmithError
from typing_extensions import override

from eval_pipeline.langsmith.protocol.jsonable import json_bytes
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.runs.call_counting import CallCounter, call_counters, count_call, state_usage
from eval_pipeline.runs.collected_run import Attachments, CollectedRun
from eval_pipeline.runs.collecting_tracer import CollectingTracer
from eval_pipeline.runs.run_starts import run_started

_log = logger_of(__name__)

HANDOFF = "Handoff"
"""What the tracing of the OpenAI Agents SDK names the run of a handoff, which is a chain."""
_SHOWING_CALLS = frozenset({"tool", "llm", "retriever"})
_UUID_LENGTH = 36
_MEDIA_TYPE_END = re.compile(r"[\r\n]")


@dataclass(kw_only=True)
class Collection:
    """The runs below one root so far."""

    whole: bool
    """Whether inputs and outputs of chains are kept."""
    objects: bool = False
    """Whether inputs and outputs are kept as the objects they are as well."""
    runs: dict[str, CollectedRun] = field(default_factory=dict)
    """By id, in the order in which they started."""
    lock: threading.Lock
    counters: Sequence[CallCounter] = ()
    """What counted the model calls among them; the first is the attempt's."""

    def since(self, number: int) -> list[CollectedRun]:
        """The runs after the first `number`."""
        with self.lock:
            return list(self.runs.values())[number:]


_in_progress: contextvars.ContextVar[Collection | None] = contextvars.ContextVar("runs_collected", default=None)


def collection_in_progress() -> Collection | None:
    """What runs of this task, and of tasks and threads it starts, are collected in; None outside of `collecting`."""
    return _in_progress.get()


def ids_of_path(dotted_order: str) -> list[str]:
    """The ids in a dotted order, from the root to the run itself."""
    return [part[-_UUID_LENGTH:] for part in dotted_order.split(".")]


def read_attachments(fields: Mapping[str, Any]) -> Attachments:
    """The attachments among the fields of a run; a file only where its run allows it, as in the SDK."""
    attachments = {}
    for name, value in fields["attachments"].items():
        kind, data = value if isinstance(value, tuple) else ("application/octet-stream", value)
        try:
            if isinstance(data, Path) and fields.get("dangerously_allow_filesystem"):
                data = data.read_bytes()
            attachments[_attachment_name(str(name))] = (_MEDIA_TYPE_END.split(str(kind))[0], bytes(memoryview(data)))
        except (OSError, TypeError) as error:
            _log.warning("the attachment %s of a run is left out: %s", name, error)
    return attachments


def _attachment_name(name: str) -> str:
    """A name that LangSmith takes: it reads a period as the end, and other characters end a header."""
    return re.sub(r"[^\w -]", "_", name) or "_"


class CollectingClient(Client):
    """Collects the runs below given roots; any other run is counted and discarded."""

    def __init__(self) -> None:
        super().__init__(
            api_url="http://127.0.0.1:9",  # the discard port, in case a request bypasses `request_with_retries`
            api_key="collecting",
            auto_batch_tracing=False,
            tracing_mode="langsmith",
            tracing_sampling_rate=1.0,
            disable_prompt_cache=True,
        )
        self._collected: dict[str, Collection] = {}
        self._lock = threading.Lock()
        self.strays = 0
        """The number of runs outside any trace in progress, such as those of a thread that outlived its attempt."""

    @contextlib.contextmanager
    def collecting(self, root: RunTree, *, whole: bool = True) -> Iterator[None]:
        """Within it, everything traced in this task, and in tasks and threads it starts, nests below `root`.

        Call `take` afterwards, or the collected runs stay in memory.

        Args:
            root: the common ancestor.
            whole: whether inputs and outputs of chains are kept.
        """
        collection = Collection(whole=whole, lock=self._lock)
        with self._lock:
            self._collected[str(root.id)] = collection
        collecting = _in_progress.set(collection)
        # Otherwise LangChain creates a tracer of its own for each graph and model.
        token = tracing_v2_callback_var.set(CollectingTracer(client=self, project_name=root.session_name))
        try:
            with tracing_context(parent=root, project_name=root.session_name, client=self, enabled=True):
                yield
        finally:
            tracing_v2_callback_var.reset(token)
            _in_progress.reset(collecting)

    def take(self, root: RunTree) -> list[CollectedRun]:
        """Remove and return the runs collected below `root`, in the order they started."""
        with self._lock:
            collection = self._collected.pop(str(root.id), None)
        if collection is None:
            return []
        runs = list(collection.runs.values())
        for counter in collection.counters[:1]:
            state_usage(runs, counter)
        return runs

    def collected_so_far(self, root: RunTree, run_ids: Sequence[str]) -> list[CollectedRun]:
        """Those of the runs below `root`, which stay collected."""
        with self._lock:
            collection = self._collected.get(str(root.id))
            runs = {} if collection is None else collection.runs
            return [replace(runs[run_id]) for run_id in run_ids if run_id in runs]

    @property
    def in_progress(self) -> int:
        """The number of traces started and not taken."""
        return len(self._collected)

    @override
    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **fields: Any) -> None:
        """Keep a run that starts, or that is posted complete."""
        self._keep(str(fields.get("id")), {**fields, "name": name, "inputs": inputs, "run_type": run_type})
        with contextlib.suppress(*_held_back(fields)):
            run_started(str(run_type), name, inputs)

    @override
    def update_run(self, run_id: Any, **fields: Any) -> None:
        """Keep an update of a run."""
        self._keep(str(run_id), fields)

    @override
    def request_with_retries(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: nothing is sent from here.

        Raises:
            LangSmithError: always.
        """
        raise LangSmithError("this client collects runs and sends nothing; create a langsmith.Client of your own")

    def _keep(self, run_id: str, fields: Mapping[str, Any]) -> None:
        path = ids_of_path(str(fields.get("dotted_order") or ""))[:-1]
        kept = fields if self._keeps_values(run_id, path, fields) else {}
        # Serialize now, outside of the lock: the graph goes on to change its state.
        inputs = None if kept.get("inputs") is None else json_bytes(kept["inputs"])
        outputs = json_bytes(kept["outputs"]) if kept.get("outputs") else None
        attachments = read_attachments(kept) if kept.get("attachments") else {}
        with self._lock:
            root = next((ancestor for ancestor in path if ancestor in self._collected), None)
            if root is None:
                self.strays += 1
                return
            collection = self._collected[root]
            runs = collection.runs
            run = runs.get(run_id)
            if run is None:
                run = runs[run_id] = CollectedRun(
                    id=run_id,
                    parent_ids=path[path.index(root) :],
                    name=str(fields.get("name") or "unnamed"),
                    run_type=str(fields.get("run_type") or "chain"),
                    start_time=fields.get("start_time"),
                )
            if collection.objects:
                run.given = fields.get("inputs") or run.given
                run.returned = fields.get("outputs") or run.returned
            run.inputs = inputs or run.inputs
            run.outputs = outputs or run.outputs
            run.end_time = fields.get("end_time") or run.end_time
            run.error = fields.get("error") or run.error
            run.tags = fields.get("tags") or run.tags
            run.extra = fields.get("extra") or run.extra
            run.events = fields.get("events") or run.events
            run.attachments = {**run.attachments, **attachments}
            counters = collection.counters = call_counters() or collection.counters
        if run.run_type == "llm" and run.end_time is not None:
            count_call(run, counters)

    def _keeps_values(self, run_id: str, path: Sequence[str], fields: Mapping[str, Any]) -> bool:
        """Whether inputs and outputs of a run are kept: always, or only those that show calls and documents."""
        # Without the lock: a trace that is taken meanwhile has no use for them.
        collection = next((each for ancestor in path if (each := self._collected.get(ancestor)) is not None), None)
        if collection is None or collection.whole:
            return collection is not None
        run = collection.runs.get(run_id)
        run_type = fields.get("run_type") if run is None else run.run_type
        return run_type in _SHOWING_CALLS or fields.get("name") == HANDOFF


def _held_back(fields: Mapping[str, Any]) -> tuple[type[BaseException], ...]:
    """What is not raised where a run starts: `@traceable` would catch it, log it, and go on."""
    metadata = (fields.get("extra") or {}).get("metadata") or {}
    return (BaseException,) if metadata.get("ls_method") == "traceable" else ()
