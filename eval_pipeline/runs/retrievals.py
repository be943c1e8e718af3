"""What retrievers returned, as events of a turn: runs are not stored, and scores may be made later."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from eval_pipeline.content.documents import RetrievedDocument, documents_in
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.telemetry.event import Event

_MOST_DOCUMENTS = 200
_MOST_CHARACTERS = 20_000
"""Of one document."""
_LONGEST_VALUE = 500
"""Characters of a value of its metadata; longer ones are left out."""


def retrieval_events(runs: Sequence[CollectedRun]) -> Iterator[Event]:
    """A `retrieval` event for each retriever that ran, in order; one that others are a part of stands for them."""
    retrievers = {run.id: run for run in runs if run.run_type == "retriever"}
    for run in sorted(retrievers.values(), key=lambda run: str(run.start_time)):
        if retrievers.keys().isdisjoint(run.parent_ids) and run.error is None:
            documents = documents_in(_value(run.outputs))[:_MOST_DOCUMENTS]
            yield {
                "type": "retrieval",
                "name": run.name,
                "args": _value(run.inputs) or {},
                "content": [_as_data(document) for document in documents],
            }


def _as_data(document: RetrievedDocument) -> dict[str, Any]:
    text = document.text
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}… ({len(text) - _MOST_CHARACTERS:,} characters left out)"
    short = {
        name: value
        for name, value in document.metadata.items()
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST_VALUE)
    }
    return {"id": document.id, "text": text, "metadata": short}


def _value(data: bytes | None) -> Any:
    try:
        return orjson.loads(data or b"{}")
    except orjson.JSONDecodeError:
        return {}
