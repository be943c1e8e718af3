"""Evaluators as LangSmith's `evaluate` takes them."""

from typing import Any


def right_document(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> bool:
    """Whether the expected document is among those that were retrieved."""
    found = [document["metadata"]["id"] for document in outputs["documents"]]
    expected = reference_outputs["document"]
    return found == [] if expected is None else expected in found


def grounded(outputs: dict[str, Any]) -> bool:
    """Whether the answer is a sentence of a document, or says that there is none."""
    texts = [document["page_content"] for document in outputs["documents"]]
    return outputs["answer"] in texts or (not texts and "do not know" in outputs["answer"])
