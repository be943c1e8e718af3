"""The documents that an attempt retrieved, and those of the shared context for its case."""

from collections.abc import Sequence
from typing import Any

from eval_pipeline.assertions.calls import exchanges
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.content.documents import RetrievedDocument, documents_in, lists_of_documents

_MOST_SHARED = 50
"""Documents of a context that has none similar to the case."""


def retrieved_documents(scope: Scope) -> list[RetrievedDocument]:
    """What was retrieved, each document once, in order.

    That is what retrievers returned, or else what the state or the outputs hold, or else what tools returned.
    """
    return _once(_of_retrievers(scope) or _of_state(scope) or _of_tools(scope))


def documents_of_context(scope: Scope) -> list[RetrievedDocument]:
    """The documents of the shared context that are similar to the case; without any, its first ones."""
    if scope.context is None:
        return []
    similar = scope.context.similar_documents(scope.case.id) or scope.context.documents(_MOST_SHARED)
    return [RetrievedDocument(id=each.id, text=each.text, metadata=each.metadata) for each in similar]


def _of_retrievers(scope: Scope) -> list[RetrievedDocument]:
    return [
        document
        for event in scope.events
        if event["type"] == "retrieval"
        for document in documents_in(event.get("content"))
    ]


def _of_state(scope: Scope) -> list[RetrievedDocument]:
    return lists_of_documents(scope.document["state"]) or lists_of_documents(scope.outputs)


def _of_tools(scope: Scope) -> list[RetrievedDocument]:
    contents: Sequence[Any] = [each.content for each in exchanges(scope.events) if not each.failed]
    return [document for content in contents for document in documents_in(content)]


def _once(documents: Sequence[RetrievedDocument]) -> list[RetrievedDocument]:
    return list({(each.id, each.text): each for each in documents}.values())
