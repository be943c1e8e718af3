"""What a judge is shown besides the conversation: reference, documents, context, calls, results, state, attachments.

Every item is a line of JSON, so that no text in it looks like anything but a quotation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

from eval_pipeline.assertions.calls import exchanges
from eval_pipeline.assertions.retrieval.documents import documents_of_context, retrieved_documents
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.content.text import json_text
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.context.table_files import rows_of
from eval_pipeline.suite.attachments import CaseAttachments, current_attachments
from eval_pipeline.suite.spec.judge import EvidenceKind

DEFAULT: tuple[EvidenceKind, ...] = ("reference", "calls", "results")
"""What a judge by rubric is shown unless it says otherwise."""
_OF_CONTEXT: frozenset[EvidenceKind] = frozenset({"documents", "context"})
_LEAST = 200
"""Characters of an item, if there are more: of many items the first are shown."""
_MOST_ROWS = 200
"""Rows of each table."""
_MOST_BYTES = 1024 * 1024
"""Of a text."""
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One kind of evidence."""

    kind: EvidenceKind
    lines: Sequence[str]
    items: int
    """How many there are; `lines` may be fewer."""
    left_out: int = 0
    """Characters."""

    @property
    def seen(self) -> str:
        """How much of it is shown, for people."""
        shown = f"{len(self.lines):,}" if len(self.lines) == self.items else f"{len(self.lines):,} of {self.items:,}"
        return f"{self.kind}: {shown}" + (f", {self.left_out:,} characters left out" if self.left_out else "")


def sees_context(kinds: Iterable[EvidenceKind]) -> bool:
    """Whether some of it is read from the shared context."""
    return not _OF_CONTEXT.isdisjoint(kinds)


def evidence_of(scope: Scope, kinds: Sequence[EvidenceKind], *, most: int, asked: bool = True) -> list[Evidence]:
    """The evidence of these kinds.

    Args:
        scope: what an assertion can see.
        kinds: in the order in which they are shown.
        most: the most characters of each.
        asked: whether a kind of which there is none is shown, as none.
    """
    gathered = (_bounded(kind, [json_text(item) for item in _ITEMS[kind](scope)], most) for kind in kinds)
    return [evidence for evidence in gathered if asked or evidence.items]


def _bounded(kind: EvidenceKind, lines: Sequence[str], most: int) -> Evidence:
    """The items, each with at most its share of the characters; what a short one leaves, longer ones get."""
    shown = list(lines[: max(1, most // _LEAST)])
    left = most
    for place, index in enumerate(sorted(range(len(shown)), key=lambda index: len(shown[index]))):
        share = left // (len(shown) - place)
        if len(shown[index]) > share:
            shown[index] = f"{shown[index][:share]}… ({len(shown[index]) - share:,} characters left out)"
        left -= min(share, len(lines[index]))
    taken = most - left
    return Evidence(kind=kind, lines=shown, items=len(lines), left_out=sum(map(len, lines)) - taken)


def _reference(scope: Scope) -> Iterator[Any]:
    if scope.case.reference not in (None, {}):
        yield scope.case.reference


def _documents(scope: Scope) -> Iterator[Any]:
    shown = set()
    for source, documents in (("retrieved", retrieved_documents(scope)), ("shared", documents_of_context(scope))):
        for document in documents:
            if (document.id, document.text) not in shown:
                shown.add((document.id, document.text))
                yield {"id": document.id, "from": source, "text": document.text}


def _context(scope: Scope) -> Iterator[Any]:
    context = scope.context
    if context is None:
        return
    for pattern in context.patterns:
        yield {"pattern": pattern.title, "description": pattern.description, "evidence": pattern.evidence}
    for name in context.manifest.tables:
        for row in islice(_rows(context, name, scope.case.id), _MOST_ROWS):
            yield {"table": name, "row": row}


def _rows(context: SharedContext, name: str, case_id: str) -> Iterator[Mapping[str, Any]]:
    """Rows of a table: those of the case, and those that all cases share."""
    table = context.table(name)
    if "case_id" in table.column_names:
        yield from context.rows(name, case_id=case_id)
        yield from context.rows(name, case_id=None)
    else:
        yield from rows_of(table.slice(0, _MOST_ROWS))


def _calls(scope: Scope) -> Iterator[Any]:
    for call in scope.calls:
        yield {"tool": call["name"], "arguments": call["args"]}


def _results(scope: Scope) -> Iterator[Any]:
    for exchange in exchanges(scope.events):
        failed = {"failed": True} if exchange.failed else {}
        yield {"tool": exchange.name, **failed, "result": exchange.content}


def _state(scope: Scope) -> Iterator[Any]:
    state = scope.document["state"]
    if isinstance(state, Mapping):
        for name, value in state.items():
            yield {name: value}


def _attachments(scope: Scope) -> Iterator[Any]:
    """Texts as text; of others the name and the type, as not every model reads them."""
    readers: Mapping[str, Any] = current_attachments()
    if not readers and scope.case.attachments:  # of an answer that is scored later
        readers = CaseAttachments(scope.case, scope.folder).readers()
    for name, attachment in readers.items():
        item, kind = {"name": name, "type": attachment["mime_type"]}, str(attachment["mime_type"])
        if kind.startswith(_TEXT_TYPES):
            item["text"] = attachment["reader"].read(_MOST_BYTES).decode("utf-8", "replace")
        yield item


_ITEMS: Mapping[EvidenceKind, Callable[[Scope], Iterable[Any]]] = {
    "reference": _reference,
    "documents": _documents,
    "context": _context,
    "calls": _calls,
    "results": _results,
    "state": _state,
    "attachments": _attachments,
}
assert _ITEMS.keys() == set(get_args(EvidenceKind))
