"""`RetrievedDocument`: a document of any retriever, read from the form in which it returned it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TEXTS = ("page_content", "text", "content", "document", "body", "passage", "chunk")
_IDS = ("id", "document_id", "doc_id", "id_", "chunk_id", "_id")
_LISTS = (
    "documents",
    "docs",
    "source_documents",
    "retrieved_documents",
    "retrieved_docs",
    "retrieved_contexts",
    "retrieved",
    "contexts",
    "passages",
    "chunks",
    "hits",
    "matches",
    "results",
    "sources",
    "nodes",
    "context",
    "output",
)
"""Keys under which lists of documents stand; a list of LangChain's documents is one under any key."""


@dataclass(frozen=True, kw_only=True)
class RetrievedDocument:
    """A document that an attempt retrieved."""

    id: str | None
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def document_of(value: Any) -> RetrievedDocument | None:
    """The document that `value` is: a mapping with a text, or with an id alone; LangChain's, LlamaIndex's; or text."""
    if isinstance(value, str):
        return RetrievedDocument(id=None, text=value) if value else None
    if not isinstance(value, Mapping):
        return None
    for inner in ("kwargs", "node", "document"):  # LangChain's serialized form, LlamaIndex's node with a score
        if isinstance(value.get(inner), Mapping):
            return document_of(value[inner])
    text = next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)
    metadata = value["metadata"] if isinstance(value.get("metadata"), Mapping) else {}
    own_id = next((place[key] for place in (value, metadata) for key in _IDS if _is_id(place.get(key))), None)
    if text is None and own_id is None:
        return None
    return RetrievedDocument(id=None if own_id is None else str(own_id), text=text or "", metadata=metadata)


def documents_in(value: Any) -> list[RetrievedDocument]:
    """The documents that `value` holds: one, a list of them, a mapping with such lists, or JSON text of these."""
    return list(_documents(_parsed(value)))


def lists_of_documents(value: Any) -> list[RetrievedDocument]:
    """The documents in the lists of a mapping, such as the state of a graph; each once."""
    if not isinstance(value, Mapping):
        return []
    documents = [each for name, item in value.items() if _is_list_of_documents(name, item) for each in _documents(item)]
    return list({(each.id, each.text): each for each in documents}.values())


def _documents(value: Any) -> Iterator[RetrievedDocument]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _documents(item)
    elif isinstance(value, Mapping) and any(_is_list_of_documents(name, item) for name, item in value.items()):
        yield from lists_of_documents(value)
    elif (document := document_of(value)) is not None:
        yield document


def _is_list_of_documents(name: str, value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    if all(isinstance(item, Mapping) and isinstance(item.get("page_content"), str) for item in value):
        return True
    return name in _LISTS and all(document_of(item) is not None for item in value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return parsed if isinstance(parsed, list | Mapping) else value
