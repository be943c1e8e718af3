"""The memory of a graph in one attempt: a checkpointer, a store and a cache of its own."""

import base64
import contextlib
import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore, IndexConfig
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem

Shared = Literal["store", "cache"]
"""What attempts may have in common."""

AnyGraph = Pregel[Any, Any, Any, Any]

NS_END = ":"
"""Separates a node from the id of its execution, in the names of checkpoints."""
_OBJECT = "object"
_KEPT = 2
"""Checkpoints: the newest, and the one that it follows."""
_MOST_ITEMS = 1_000_000


class AttemptMemory:
    """What a graph remembers during one attempt, and forgets afterwards.

    A server of LangGraph's gives every graph a checkpointer and a store, whatever it was compiled with, and so does
    this: the state lives from turn to turn, and no attempt finds what another one left.
    """

    def __init__(self, *, index: IndexConfig | None = None, share: Collection[Shared] = ()) -> None:
        """`index` is how a project's store embeds what is put there; `share` names what is the graph's own."""
        self._saver = _NewestCheckpoints()
        self._index, self._share = index, frozenset(share)
        self.store: BaseStore = InMemoryStore(index=index) if index else InMemoryStore()
        """Given to factories, and to the graph."""

    def given_to(self, graph: AnyGraph) -> AnyGraph:
        """The graph, with this memory."""
        update: dict[str, Any] = {"checkpointer": self._saver}
        self._saver.keeps_all = any("Delta" in type(channel).__name__ for channel in graph.channels.values())
        own = graph.store
        if "store" not in self._share or own is None:
            if self._index is None and isinstance(own, InMemoryStore) and own.index_config:
                self.store = InMemoryStore(index=_index_of(own))
            update["store"] = self.store
        else:
            self.store = own
        if graph.cache is not None and "cache" not in self._share:
            update["cache"] = InMemoryCache()
        return graph.copy(update)

    # -- for an attempt that is resumed in another process

    def exported(self, thread_id: str) -> dict[str, Any]:
        """The newest checkpoint of each graph of the thread, and the store, as JSON.

        Raises:
            InputError: the state holds what cannot be written down.
        """
        newest: dict[str, Any] = {}
        for kept in self._saver.list({"configurable": {"thread_id": thread_id}}):
            namespace = str(kept.config["configurable"].get("checkpoint_ns", ""))
            if NS_END not in namespace:  # else it is of one call of a sub-graph, which is over
                newest.setdefault(namespace, [kept.checkpoint, kept.metadata])
        items = [] if "store" in self._share else self.store.search((), limit=_MOST_ITEMS)
        stored = [[list(item.namespace), item.key, item.value] for item in items]
        return {"checkpoints": _written(newest), "store": _written(stored)}

    def restore(self, thread_id: str, exported: Mapping[str, Any]) -> None:
        """Go on from what `exported` returned."""
        for namespace, (checkpoint, metadata) in _read(exported["checkpoints"]).items():
            place = RunnableConfig(configurable={"thread_id": thread_id, "checkpoint_ns": namespace})
            self._saver.put(place, checkpoint, metadata, checkpoint["channel_versions"])
        for namespace, key, value in _read(exported["store"]):
            self.store.put(tuple(namespace), key, value)


class _NewestCheckpoints(InMemorySaver):
    """Keeps the two newest checkpoints of each graph of a thread: a long agent's would hold its messages over and over.

    All are kept of a graph with channels that are stored as changes.
    """

    keeps_all = False

    def __init__(self) -> None:
        super().__init__(serde=_Copies())
        self._newest: dict[tuple[str, str], list[tuple[str, ChannelVersions]]] = {}

    @override
    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint, and forget all but the one before."""
        place = super().put(config, checkpoint, metadata, new_versions)
        if not self.keeps_all:
            thread, namespace = place["configurable"]["thread_id"], place["configurable"]["checkpoint_ns"]
            newest = self._newest.setdefault((thread, namespace), [])
            newest.append((checkpoint["id"], checkpoint["channel_versions"]))
            del newest[:-_KEPT]
            self._forget_others(thread, namespace, newest)
        return place

    def _forget_others(self, thread: str, namespace: str, kept: Sequence[tuple[str, ChannelVersions]]) -> None:
        ids = {checkpoint_id for checkpoint_id, _ in kept}
        stored = self.storage[thread][namespace]
        for checkpoint_id in [each for each in stored if each not in ids]:
            del stored[checkpoint_id]
            self.writes.pop((thread, namespace, checkpoint_id), None)
        versions = {(name, version) for _, of_channels in kept for name, version in of_channels.items()}
        for key in [each for each in self.blobs if each[:2] == (thread, namespace) and each[2:] not in versions]:
            del self.blobs[key]


class _Copies(JsonPlusSerializer):
    """Keeps copies of values: of any class, also of one that could not be read back from a file."""

    @override
    def dumps_typed(self, obj: Any) -> tuple[str, Any]:
        return _OBJECT, _copy(obj)

    @override
    def loads_typed(self, data: tuple[str, Any]) -> Any:
        return _copy(data[1]) if data[0] == _OBJECT else super().loads_typed(data)


def _copy(value: Any) -> Any:
    """A copy of what nodes may change: collections, messages, models and dataclasses; other objects as they are.

    Tables, models and connections in a state are neither small nor changed, and some cannot be copied.
    """
    kind = type(value)
    if kind is dict:
        return {key: _copy(item) for key, item in value.items()}
    if kind in (list, tuple, set):
        return kind(map(_copy, value))
    if isinstance(value, BaseModel) or (is_dataclass(value) and kind is not type):
        with contextlib.suppress(Exception):  # it may hold a connection or a lock
            return copy.deepcopy(value)
    return value


def _index_of(store: InMemoryStore) -> IndexConfig:
    # The store keeps parsed forms of the fields beside them.
    index = {name: value for name, value in (store.index_config or {}).items() if not name.startswith("__")}
    return cast("IndexConfig", index)


_FILES = JsonPlusSerializer(allowed_msgpack_modules=True)


def _written(value: Any) -> list[str]:
    try:
        kind, data = _FILES.dumps_typed(value)
    except Exception as error:
        fix = "leave it out of the state, or the suite's `evaluation.checkpoints`"
        message = f"the graph's state cannot be kept for a resumed attempt: {error}"
        raise InputError(Problem(message=message, fix=fix, field="evaluation.checkpoints")) from error
    return [kind, base64.b64encode(data).decode()]


def _read(written: Any) -> Any:
    kind, data = written
    return _FILES.loads_typed((kind, base64.b64decode(data)))
