"""Build a snapshot: read every source once, search for all cases, let models find patterns, store the result.

Queries run on the true values. Tables are redacted before they are stored and before a model or a search reads them, so
that nothing derived from them contains what was redacted. A source with `redact: false` is stored as it is.
"""

import hashlib
import json
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from eval_pipeline.context.build_recorder import NOTHING_RECORDED, BuildRecorder, Search
from eval_pipeline.context.manifest import Manifest, SnapshotFile, find_manifest, manifest_bytes, manifest_key, verify
from eval_pipeline.context.patterns import PATTERNS_SCHEMA, find_patterns
from eval_pipeline.context.plan import ContextPlan
from eval_pipeline.context.queries import query_tables
from eval_pipeline.context.retrieval import Hit, index_of
from eval_pipeline.context.secret_columns import secret_columns
from eval_pipeline.context.table_files import KEY_COLUMN, rows_of
from eval_pipeline.context.warm_copy import only_builder
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.calls.failures import fatal_model_errors
from eval_pipeline.models.opening import chat_model
from eval_pipeline.redaction.columns import changed_columns, redacted_table
from eval_pipeline.redaction.secret_values import SecretValues
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.store.layout import context_prefix
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.spec.context import DatabaseSource, Documents, SqlSource

DOCUMENTS_SCHEMA = pa.schema(
    [("document_id", pa.string()), ("text", pa.string()), ("metadata", pa.string()), ("case_id", pa.string())]
)
SIMILAR_SCHEMA = pa.schema(
    [
        ("case_id", pa.string()),
        ("query", pa.string()),
        ("rank", pa.int32()),
        ("document_id", pa.string()),
        ("score", pa.float64()),
    ]
)

Report = Callable[[str], None]

_IDENTITIES = frozenset({"case_id"})
"""Columns of ids, which are not redacted: they are the same in every table."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot in the store, and whether it was reused."""

    manifest: Manifest
    reused: bool


def ensure_snapshot(
    plan: ContextPlan, store: Store, *, report: Report = lambda _: None, recorder: BuildRecorder = NOTHING_RECORDED
) -> Snapshot:
    """The snapshot of `plan`: the one in the store, verified, or else a new one.

    Args:
        plan: what to build.
        store: where snapshots are stored.
        report: called with a line of text after each step, for progress.
        recorder: records each step for the trace; unused when the snapshot is reused.

    Raises:
        CorruptDataError: the snapshot in the store differs from its checksums.
        EvalPipelineError: a source, a query or a model failed; nothing was published.
    """
    snapshot = _published(plan, store, report)
    if snapshot is not None:
        return snapshot
    # Runs of one launch start together, usually on one host: the first builds, the others wait and reuse.
    with only_builder(plan.context_id):
        return _published(plan, store, report) or _build(plan, store, report, recorder)


def _published(plan: ContextPlan, store: Store, report: Report) -> Snapshot | None:
    published = find_manifest(store, plan.suite.name, plan.context_id)
    if published is None:
        return None
    manifest, _ = published
    verify(store, manifest)
    report(f"reused shared context {plan.context_id}: nothing it depends on changed")
    return Snapshot(manifest=manifest, reused=True)


def _build(plan: ContextPlan, store: Store, report: Report, recorder: BuildRecorder) -> Snapshot:
    started = time.perf_counter()
    parts, usage = _Builder(plan=plan, report=report, recorder=recorder).build()
    prefix = context_prefix(plan.suite.name, plan.context_id)
    files = {}
    for name, table in parts.items():
        data = parquet_bytes(table)
        sha256 = hashlib.sha256(data).hexdigest()
        # The hash in the name keeps the files of two concurrent builds apart: their models may answer differently.
        file = f"{name}.{sha256[:12]}.parquet"
        store.put(prefix + file, data)
        files[name] = SnapshotFile(
            file=file, sha256=sha256, bytes=len(data), rows=table.num_rows, columns=tuple(table.column_names)
        )
    manifest = Manifest(
        context_id=plan.context_id,
        suite=plan.suite.name,
        created_at=timestamp(),
        plan=plan.redactor.value(plan.content),
        parts=files,
        build_s=round(time.perf_counter() - started, 3),
        input_tokens=usage.input,
        output_tokens=usage.output,
    )
    if not store.put_if_absent(manifest_key(plan.suite.name, plan.context_id), manifest_bytes(manifest)):
        # Another process published the same context meanwhile.
        published = _published(plan, store, report)
        assert published is not None
        return published
    return Snapshot(manifest=manifest, reused=False)


@dataclass(kw_only=True)
class _Builder:
    plan: ContextPlan
    report: Report
    recorder: BuildRecorder
    parts: dict[str, pa.Table] = field(default_factory=dict)
    secrets: SecretValues = field(default_factory=SecretValues)
    """Of the columns of all tables; one that is not redacted keeps its own."""

    def build(self) -> tuple[Mapping[str, pa.Table], TokenUsage]:
        inputs = {"suite": self.plan.suite.name, "context_id": self.plan.context_id, "cases": len(self.plan.queries)}
        with self.recorder.step("shared_context", inputs=inputs) as step:
            usage = self._build()
            step.outputs({"rows": {name: table.num_rows for name, table in self.parts.items()}})
        trace = self.recorder.table()
        if trace is not None:
            self.parts["trace"] = trace
        return self.parts, usage

    def _build(self) -> TokenUsage:
        tables: dict[str, pa.Table] = {}
        for name, source in self.plan.tables.items():
            described = {"source": type(self.plan.suite.spec.context.tables[name]).__name__, "version": source.version}
            with self.recorder.step(f"table:{name}", kind="tool", inputs=described) as step:
                tables[name] = source.read(tables)
                step.outputs({"rows": tables[name].num_rows, "columns": tables[name].column_names})
            self.report(f"table {name}: {tables[name].num_rows:,} rows")
        # A table may hold what is a secret in one that is read after it.
        secret = {name: self._secret_columns(name, table) for name, table in tables.items()}
        for name, table in tables.items():
            redact = self.plan.suite.spec.context.tables[name].redact
            self._keep(f"tables/{name}", table, redact=redact, secret=secret[name])
        spec = self.plan.suite.spec.context.documents
        if spec is not None:
            assert self.plan.documents is not None
            with self.recorder.step("documents", kind="tool", inputs={"version": self.plan.documents.version}) as step:
                documents = _documents_table(self.plan.documents.read(tables), spec)
                step.outputs({"rows": documents.num_rows})
            tables["documents"] = documents
            redacted = self._keep("documents", documents, redact=spec.source.redact)
            self.report(f"documents: {documents.num_rows:,}")
            self._keep("similar_documents", self._similar_documents(redacted, spec))
        return self._patterns(tables)

    def _similar_documents(self, documents: pa.Table, spec: Documents) -> pa.Table:
        ids = documents.column("document_id").to_pylist()
        texts = documents.column("text").to_pylist()
        queries = list(self.plan.queries.items())
        inputs = {"method": spec.retrieval.method, "k": spec.retrieval.k, "queries": len(queries)}
        with self.recorder.step("similar_documents", inputs=inputs) as step:
            index = index_of(texts, spec.retrieval, folder=self.plan.suite.folder)
            hits_by_query = index.search([query for _, query in queries], spec.retrieval.k)
            step.searches(_searches(queries, hits_by_query, documents, texts))
            step.outputs({"documents": sum(map(len, hits_by_query))})
        rows = [
            {"case_id": case_id, "query": query, "rank": rank, "document_id": ids[hit.position], "score": hit.score}
            for (case_id, query), hits in zip(queries, hits_by_query, strict=True)
            for rank, hit in enumerate(hits)
        ]
        self.report(f"similar documents: {len(rows):,} for {len(queries):,} cases ({spec.retrieval.method})")
        return pa.Table.from_pylist(rows, schema=SIMILAR_SCHEMA)

    def _patterns(self, tables: Mapping[str, pa.Table]) -> TokenUsage:
        usage, rows = TokenUsage(), []
        for spec in self.plan.suite.spec.context.patterns:
            selected = query_tables(spec.sql, tables, place=f"context.patterns.{spec.name}.sql")
            secret = self._renamed(selected, spec.sql, joined=False)
            records = self._redacted(selected.slice(0, spec.max_rows), secret=secret).to_pylist()
            model = chat_model(spec.model, folder=self.plan.suite.folder)
            inputs = {"instruction": spec.instruction, "rows": len(records), "model": spec.model}
            with self.recorder.step(f"patterns:{spec.name}", inputs=inputs) as step:
                with fatal_model_errors(spec.model):
                    patterns, used = find_patterns(
                        records,
                        name=spec.name,
                        instruction=spec.instruction,
                        model=model,
                        rows_per_call=spec.rows_per_call,
                    )
                step.outputs({"patterns": patterns})
            rows += patterns
            usage += used
            self.report(f"patterns {spec.name}: {len(patterns)} in {len(records):,} of {len(selected):,} rows")
        if self.plan.suite.spec.context.patterns:
            self._keep("patterns", pa.Table.from_pylist(rows, schema=PATTERNS_SCHEMA))
        return usage

    def _secret_columns(self, name: str, table: pa.Table) -> set[str]:
        """The columns of a table that hold secrets under other names; the values of all that do are followed."""
        source = self.plan.suite.spec.context.tables[name]
        if not self.plan.redactor.enabled:
            return set()
        if isinstance(source, SqlSource):
            secret = self._renamed(table, source.sql, joined=False)
        else:
            # What was read from a database joined into a text cannot be separated from it.
            secret = self._renamed(table, source.sql, joined=True) if isinstance(source, DatabaseSource) else set()
        self.secrets.add_columns(table, secret=secret)
        return secret

    def _renamed(self, table: pa.Table, sql: str, *, joined: bool) -> set[str]:
        named = secret_columns(sql, joined=joined)
        return {name for name in table.column_names if name.lower() in named or self.secrets.are_all(table[name])}

    def _redacted(self, table: pa.Table, *, secret: Container[str] = ()) -> pa.Table:
        redacted = redacted_table(table, self.plan.redactor, keep=_IDENTITIES, secret=secret)
        return self.secrets.redacted_table(redacted, keep=_IDENTITIES) if self.plan.redactor.enabled else redacted

    def _keep(self, part: str, table: pa.Table, *, redact: bool = True, secret: Container[str] = ()) -> pa.Table:
        """Make `table`, redacted, a part of the snapshot. Returns the part.

        Raises:
            InputError: redaction changed its key, so that rows could not be looked up.
        """
        redacted = self._redacted(table, secret=secret) if redact else table
        changed = changed_columns(table, redacted)
        if changed:
            _require_key(part, redacted, changed)
            columns = ", ".join(changed)
            self.report(f"{part}: secrets or personal data redacted in {columns} (`redact: false` keeps them)")
        self.parts[part] = redacted
        return redacted


def _require_key(part: str, table: pa.Table, changed: Sequence[str]) -> None:
    if part == "documents":
        key: str | None = "document_id"
    else:
        key = ((table.schema.metadata or {}).get(KEY_COLUMN) or b"").decode() or None
    if key in changed:
        shown = "id" if part == "documents" else key
        fix = "write `redact: false` with the source, so that the snapshot keeps its true values, or choose another key"
        message = f"rows are looked up by `{shown}`, which holds secrets or personal data that redaction replaces"
        field = "context.documents.source" if part == "documents" else f"context.{part.replace('/', '.')}"
        raise InputError(Problem(message=message, fix=fix, field=field))


def _searches(
    queries: Sequence[tuple[str, str]],
    hits_by_query: Sequence[Sequence[Hit]],
    documents: pa.Table,
    texts: Sequence[str],
) -> Iterator[Search]:
    ids, metadata = documents.column("document_id"), documents.column("metadata")
    for (case_id, query), hits in zip(queries, hits_by_query, strict=True):
        yield Search(
            case_id=case_id,
            query=query,
            documents=[
                {
                    "page_content": texts[hit.position],
                    "type": "Document",
                    "metadata": {
                        **json.loads(metadata[hit.position].as_py()),
                        "document_id": ids[hit.position].as_py(),
                        "rank": rank,
                        "score": hit.score,
                    },
                }
                for rank, hit in enumerate(hits)
            ],
        )


def _documents_table(table: pa.Table, spec: Documents) -> pa.Table:
    columns = (spec.text,) if isinstance(spec.text, str) else spec.text
    missing = [name for name in (spec.id, *columns) if name not in table.column_names]
    if missing:
        fix = f"correct `id` and `text`, or the source; columns found: {', '.join(table.column_names)}"
        raise InputError(
            Problem(message=f"documents have no column {', '.join(missing)}", fix=fix, field="context.documents")
        )
    rows: list[dict[str, Any]] = []
    for row in rows_of(table):
        text = "\n\n".join(str(row[name]) for name in columns if row[name] is not None)
        metadata = {name: value for name, value in row.items() if name not in (spec.id, *columns)}
        rows.append(
            {
                "document_id": str(row[spec.id]),
                "text": text,
                "metadata": json.dumps(metadata, default=str, ensure_ascii=False),
                "case_id": None,
            }
        )
    ids = [row["document_id"] for row in rows]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(
            Problem(
                message=f"document id {twice!r} is given twice", fix="make ids distinct", field="context.documents.id"
            )
        )
    return pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA)
