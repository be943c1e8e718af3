"""The plan of a shared context: its sources, and its id, which is computed before any expensive work.

The id is hash(canonical specification + data version of every source + what is redacted + schema version).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath

from eval_pipeline.context.manifest import SCHEMA_VERSION
from eval_pipeline.context.sources import Source, source_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.secret_values import FOLLOWING
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import model_version
from eval_pipeline.suite.spec.context import ContextSpec, Documents
from eval_pipeline.suite.suite import SUITE_FILE, Suite

_REDACTOR = Redactor()


@dataclass(frozen=True, kw_only=True)
class ContextPlan:
    """The sources of a context, and its id."""

    suite: Suite
    tables: Mapping[str, Source]
    documents: Source | None
    queries: Mapping[str, str]
    """By case id: the text that its similar documents are searched with. Empty without documents."""
    content: Mapping[str, Any]
    """The content that the id is the hash of."""
    redactor: Redactor
    """Redacts the whole snapshot, except sources with `redact: false`."""

    @property
    def context_id(self) -> str:
        """16 hex digits."""
        return digest(self.content)


def plan_context(suite: Suite, cases: Iterable[Case], *, redactor: Redactor = _REDACTOR) -> ContextPlan:
    """The plan for `suite` and the cases that will search its documents.

    Raises:
        InputError: a source does not exist, or a query expression gives no text.
        TransientError: a database could not be asked for its version.
    """
    spec = suite.spec.context
    tables: dict[str, Source] = {}
    for name, table in spec.tables.items():
        tables[name] = source_of(table, suite=suite, place=f"{SUITE_FILE} · context.tables.{name}", earlier=tables)
    documents = None
    queries: dict[str, str] = {}
    if spec.documents is not None:
        place = f"{SUITE_FILE} · context.documents.source"
        documents = source_of(spec.documents.source, suite=suite, place=place, earlier=tables)
        queries = {case.id: case_query(case, spec.documents.retrieval.query) for case in cases}
    content: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "tables": {name: source.version for name, source in tables.items()},
        "redaction": {"redactor": redactor.identity, "secrets": FOLLOWING, "off": _unredacted(spec)},
    }
    if documents is not None and spec.documents is not None:
        content["documents"] = _documents_content(spec.documents, documents, queries, suite)
    if spec.patterns:
        content["patterns"] = [
            {**patterns.model_dump(mode="json"), "model": model_version(patterns.model, folder=suite.folder)}
            for patterns in spec.patterns
        ]
    return ContextPlan(
        suite=suite, tables=tables, documents=documents, queries=queries, content=content, redactor=redactor
    )


def _unredacted(spec: ContextSpec) -> list[str]:
    off = [f"tables/{name}" for name, table in spec.tables.items() if not table.redact]
    return [*off, "documents"] if spec.documents is not None and not spec.documents.source.redact else off


def case_query(case: Case, expression: str | None) -> str:
    """The text that documents similar to `case` are searched with.

    Raises:
        InputError: the expression gives no text for this case.
    """
    if expression is None:
        inputs = [turn.text for turn in case.turns]
        if not inputs and case.recordings:
            return case.recordings[0].text
        return "\n".join(inputs)
    try:
        query = jmespath.search(expression, case.as_data())
    except jmespath.exceptions.JMESPathError:  # such as the length of a number
        query = None
    if not isinstance(query, str):
        fix = f"correct the JMESPath {expression!r}, or add the field that it names to the case"
        raise InputError(
            Problem(
                message="the retrieval query is not text",
                fix=fix,
                case=case.id,
                field="context.documents.retrieval.query",
            )
        )
    return query


def _documents_content(spec: Documents, source: Source, queries: Mapping[str, str], suite: Suite) -> dict[str, Any]:
    retrieval = spec.retrieval.model_dump(mode="json", exclude={"query"})
    if spec.retrieval.model is not None:
        retrieval["model"] = model_version(spec.retrieval.model, folder=suite.folder)
    return {
        "source": source.version,
        "id": spec.id,
        "text": spec.text,
        "retrieval": retrieval,
        "queries": digest(sorted(queries.items())),
    }
