"""The shared context as agents and judges read it: tables, documents and patterns, mapped into memory."""

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.context.manifest import Manifest
from eval_pipeline.context.reads import (
    ContextReads,
    key_hash,
    read_everything,
    record_read,
    record_whole,
    recording_reads,
)
from eval_pipeline.context.retrieval import Bm25Index
from eval_pipeline.context.table_files import KEY_COLUMN, rows_of
from eval_pipeline.context.warm_copy import arrow_file, warm_copy
from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.settings import store_root
from eval_pipeline.store.content_hash import digest
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store


class MissingContextError(EvalPipelineError):
    """`get_shared_context()` was called outside an attempt, or in a thread that the agent started itself."""


@dataclass(frozen=True, kw_only=True)
class SimilarDocument:
    """A document similar to a query."""

    id: str
    text: str
    score: float
    """Higher is more similar; the scale depends on the method."""
    rank: int
    """0 is the best."""
    metadata: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A pattern that a chat model found in rows of the context."""

    name: str
    """The name of the entry of `context.patterns` in suite.yaml."""
    title: str
    description: str
    evidence: tuple[str, ...]


class SharedContext:
    """A snapshot, read-only. Tables are mapped into memory: opening one costs the same whatever its size."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.manifest = manifest
        self._folder = folder
        self._opened: dict[str, pa.Table] = {}
        self._positions: dict[tuple[str, str], dict[Any, int]] = {}
        self._texts: dict[tuple[str, str], set[str]] = {}

    @classmethod
    def open(cls, store: Store, suite: str, context_id: str) -> "SharedContext":
        """The snapshot `context_id` of `suite`, from the copy on this host.

        Raises:
            MissingUpstreamError: there is no such snapshot.
            CorruptDataError: a file of it differs from its checksum.
        """
        return cls(*warm_copy(store, suite, context_id))

    @property
    def id(self) -> str:
        """The context's id."""
        return self.manifest.context_id

    def table(self, name: str) -> pa.Table:
        """A table, zero-copy.

        Raises:
            KeyError: there is no table of that name.
        """
        table = self._table(name)
        record_whole(self.id, "part", (f"tables/{name}",), self.read_part(f"tables/{name}"))
        return table

    def read_part(self, part: str) -> str | None:
        """What identifies a part of the snapshot, such as `tables/prices`; None if there is none. No attempt reads."""
        held = self.manifest.parts.get(part)
        return None if held is None else held.sha256

    def read_column(self, name: str, column: str) -> list[Any]:
        """The values of a column of a table. No attempt reads."""
        values: list[Any] = self._table(name).column(column).to_pylist()
        return values

    def row_at(self, name: str, position: int) -> dict[str, Any]:
        """A row of a table. No attempt reads."""
        return rows_of(self._table(name).slice(position, 1))[0]

    def key_column(self, name: str) -> str:
        """The column that `lookup` searches by default: the declared key of a table, or its first column."""
        schema = self._table(name).schema
        declared = (schema.metadata or {}).get(KEY_COLUMN)
        return declared.decode() if declared else str(schema.names[0])

    def lookup(self, name: str, key: Any, *, column: str | None = None) -> dict[str, Any] | None:
        """The first row of a table whose `column` (by default its key) is `key`, or None."""
        with _known_if_returned():
            row = self._lookup(name, key, column)
        hashed = key_hash(key)
        if hashed is None:
            read_everything()
        else:
            record_read("lookup", (name, column, hashed), row)
        return row

    def _lookup(self, name: str, key: Any, column: str | None) -> dict[str, Any] | None:
        column = column or self.key_column(name)
        positions = self._positions.get((name, column))
        if positions is None:
            values = self.read_column(name, column)
            # Reversed, so that the first of several rows with the same key is kept.
            positions = {
                value: index for index, value in zip(range(len(values) - 1, -1, -1), reversed(values), strict=True)
            }
            self._positions[name, column] = positions
        try:
            position = positions.get(key)
        except TypeError:  # models may call a tool with a list as the key
            position = None
        return None if position is None else self.row_at(name, position)

    def rows(self, name: str, /, **equals: Any) -> list[dict[str, Any]]:
        """The rows of a table in which every named column has the given value."""
        with _known_if_returned():
            rows = self.read_rows(name, equals)
        record_read("rows", (name, equals), rows)
        return rows

    def read_rows(self, name: str, equals: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As `rows`. No attempt reads."""
        table = self._table(name)
        for column, value in equals.items():
            held = table.column(column)
            table = table.filter(pc.is_null(held) if value is None else pc.equal(held, value))
        return rows_of(table)

    def holds(self, name: str, column: str, text: str) -> bool:
        """Whether a column of a table contains `text`, values compared as text: numbers in answers are text."""
        with _known_if_returned():
            held = self.read_holds(name, column, text)
        record_read("holds", (name, column, text), held)
        return held

    def read_holds(self, name: str, column: str, text: str) -> bool:
        """As `holds`. No attempt reads."""
        texts = self._texts.get((name, column))
        if texts is None:
            texts = self._texts[name, column] = set(map(str, self.read_column(name, column)))
        return text in texts

    def similar_documents(self, case_id: str | None = None) -> list[SimilarDocument]:
        """The documents similar to a case (by default the one in progress), as stored in the snapshot, best first."""
        case_id = case_id or current_case_id()
        documents = self._similar(case_id)
        record_read("similar", (case_id,), _without_scores(documents))
        return documents

    def read_similar(self, case_id: str) -> list[Any]:
        """The documents similar to a case, without scores, which other documents change. No attempt reads."""
        return _without_scores(self._similar(case_id))

    def _similar(self, case_id: str) -> list[SimilarDocument]:
        if "similar_documents" not in self.manifest.parts:
            return []
        similar = self._part("similar_documents")
        rows = similar.filter(pc.equal(similar.column("case_id"), case_id)).to_pylist()
        return [self._document(row["document_id"], score=row["score"], rank=row["rank"]) for row in rows]

    def documents(self, most: int) -> list[SimilarDocument]:
        """The first documents of the snapshot, in its order."""
        if "documents" not in self.manifest.parts:
            return []
        ids = self._part("documents").column("document_id").slice(0, most).to_pylist()
        return [self._document(name, score=0.0, rank=rank) for rank, name in enumerate(ids)]

    @property
    def trace(self) -> pa.Table | None:
        """The spans that were recorded when the snapshot was built, if any."""
        return self._part("trace") if "trace" in self.manifest.parts else None

    def version_for(self, case_id: str) -> str:
        """A hash of what a case can read: everything shared, and the documents similar to the case.

        If another case is added or changed, the snapshot has another id, and this case the same version.
        """
        rows = self._similar_by_case.get(case_id, [])
        return digest(self._shared_version, [[row["document_id"], row["score"], row["rank"]] for row in rows])

    @functools.cached_property
    def _shared_version(self) -> str:
        own = {"similar_documents", "trace"}
        return digest({name: part.sha256 for name, part in self.manifest.parts.items() if name not in own})

    @functools.cached_property
    def _similar_by_case(self) -> dict[str, list[dict[str, Any]]]:
        by_case: dict[str, list[dict[str, Any]]] = {}
        if "similar_documents" in self.manifest.parts:
            for row in self._part("similar_documents").to_pylist():
                by_case.setdefault(row["case_id"], []).append(row)
        return by_case

    def search_documents(self, query: str, k: int = 4) -> list[SimilarDocument]:
        """The documents most similar to `query` (BM25 over the documents of the snapshot), best first."""
        documents = self._searched(query, k)
        record_read("search", (query, k), _without_scores(documents))
        return documents

    def read_search(self, query: str, k: int) -> list[Any]:
        """As `search_documents`, without scores, which other documents change. No attempt reads."""
        return _without_scores(self._searched(query, k))

    def _searched(self, query: str, k: int) -> list[SimilarDocument]:
        if "documents" not in self.manifest.parts:
            return []
        hits = self._search_index.search([query], k)[0]
        ids = self._part("documents").column("document_id")
        return [self._document(ids[hit.position].as_py(), score=hit.score, rank=rank) for rank, hit in enumerate(hits)]

    @property
    def patterns(self) -> list[Pattern]:
        """All patterns."""
        record_whole(self.id, "part", ("patterns",), self.read_part("patterns"))
        return self._patterns

    @functools.cached_property
    def _patterns(self) -> list[Pattern]:
        if "patterns" not in self.manifest.parts:
            return []
        rows = self._part("patterns").select(["name", "title", "description", "evidence"]).to_pylist()
        return [Pattern(**{**row, "evidence": tuple(row["evidence"])}) for row in rows]

    @functools.cached_property
    def _search_index(self) -> Bm25Index:
        language = self.manifest.plan["documents"]["retrieval"]["language"]
        return Bm25Index(self._part("documents").column("text").to_pylist(), language=language)

    @functools.cached_property
    def _document_positions(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self._part("documents").column("document_id").to_pylist())}

    def _document(self, document_id: str, *, score: float, rank: int) -> SimilarDocument:
        row = self._part("documents").slice(self._document_positions[document_id], 1).to_pylist()[0]
        metadata = json.loads(row["metadata"])
        return SimilarDocument(id=document_id, text=row["text"], score=score, rank=rank, metadata=metadata)

    def _table(self, name: str) -> pa.Table:
        return self._part(f"tables/{name}")

    def _part(self, part: str) -> pa.Table:
        if part not in self._opened:
            if part not in self.manifest.parts:
                name = part.removeprefix("tables/")
                raise KeyError(
                    f"the shared context has no table {name!r}; it has {', '.join(self.manifest.tables) or 'none'}"
                )
            self._opened[part] = pa.ipc.open_file(pa.memory_map(str(arrow_file(self._folder, part)))).read_all()
        return self._opened[part]


_current: ContextVar[tuple[SharedContext, str] | None] = ContextVar("eval_pipeline_shared_context", default=None)


def get_shared_context(context_id: str | None = None) -> SharedContext:
    """The shared context of the attempt in progress, for tools and retrievers; or the one with an id, anywhere.

    Without an attempt in progress that has it, `context_id` is looked up in the store that `EVAL_PIPELINE_STORE` names:
    in a service, for example, that finds `shared_ctx_id` in its configuration.

    Tasks inherit it, and so do the threads that `asyncio.to_thread` and LangGraph start. Threads that you start do not:
    run them in a copy of the context, as in `pool.submit(contextvars.copy_context().run, look_up, key)`.

    Raises:
        MissingContextError: no attempt is in progress here; or the store has no context with that id.
        CorruptDataError: a file of it differs from its checksum.
    """
    current = _current.get()
    if context_id is None or (current is not None and current[0].id == context_id):
        return _in_progress()[0]
    # Outside an attempt: which one reads is not known.
    read_everything()
    return _stored_context(store_root(), context_id)


@functools.lru_cache(maxsize=8)
def _stored_context(root: str, context_id: str) -> SharedContext:
    store = open_store(root)
    for key in store.list("contexts/"):
        _, suite, stored_id, *_ = key.split("/")
        if stored_id == context_id:
            return SharedContext.open(store, suite, context_id)
    fix = "check the id, and that EVAL_PIPELINE_STORE names the store of the evaluation"
    raise MissingContextError(f"the store {root} has no shared context {context_id!r}. Fix: {fix}.")


def current_case_id() -> str:
    """The id of the case in progress.

    Raises:
        MissingContextError: no attempt is in progress here.
    """
    return _in_progress()[1]


def _in_progress() -> tuple[SharedContext, str]:
    current = _current.get()
    if current is None:
        raise MissingContextError(
            "there is no shared context here. Fix: call this within a target of a suite with a `context:`; in a thread "
            "that you start, within `contextvars.copy_context().run(…)`; elsewhere, within "
            "`use_shared_context(context, case_id=…)`."
        )
    return current


@contextlib.contextmanager
def use_shared_context(context: SharedContext, *, case_id: str) -> Iterator[ContextReads]:
    """Make `get_shared_context` return `context`, in this task and those that it starts; yields what is read of it."""
    token = _current.set((context, case_id))
    try:
        with recording_reads(context.id) as reads:
            yield reads
    finally:
        _current.reset(token)


@contextlib.contextmanager
def _known_if_returned() -> Iterator[None]:
    """A read that raises, of a table that is not there, is not one that can be repeated."""
    try:
        yield
    except Exception:
        read_everything()
        raise


def _without_scores(documents: list[SimilarDocument]) -> list[Any]:
    return [[document.id, document.text, document.metadata] for document in documents]
