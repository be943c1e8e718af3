"""Evaluators as LangSmith's `evaluate` takes them."""

from typing import Any

from langchain_core.documents import Document


def right_document(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> bool:
    """Whether the expected document is among those that were retrieved."""
    retrieved = [document.metadata["id"] for document in _documents(outputs)]
    expected = reference_outputs["document"]
    return retrieved == [] if expected is None else expected in retrieved


def grounded(outputs: dict[str, Any]) -> bool:
    """Whether the answer is a sentence of a document, or says that there is none."""
    texts = [document.page_content for document in _documents(outputs)]
    return outputs["answer"] in texts or (not texts and "do not know" in outputs["answer"])


def _documents(outputs: dict[str, Any]) -> list[Document]:
    """The documents: those of a graph in this process are objects, those of a deployed one mappings."""
    return [item if isinstance(item, Document) else Document(**item) for item in outputs["documents"]]
