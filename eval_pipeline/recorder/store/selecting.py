"""Conditions and orders of lists that are read whole: examples, datasets, prompts."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.filters import compile_filter

_PAIRS = ("metadata_key", "metadata_value", "input_key", "input_value", "output_key", "output_value")
_EXAMPLE_FIELDS = frozenset(["id", "metadata", "inputs", "outputs", *_PAIRS])
"""Fields that a filter of examples may name."""


def filtered_examples(examples: Iterable[dict[str, Any]], text: str | None) -> list[dict[str, Any]]:
    """The examples that meet a filter, such as `has(metadata, '{"kind": "hard"}')`.

    Raises:
        ErrorResponse: 400 for an invalid filter.
    """
    if not text:
        return list(examples)
    condition = compile_filter(text, fields=_EXAMPLE_FIELDS)
    return [example for example in examples if condition(_as_run(example))]


def _as_run(example: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": example["id"],
        "name": None,
        "error": None,
        "inputs": example.get("inputs"),
        "outputs": example.get("outputs"),
        "extra": {"metadata": example.get("metadata") or {}},
        "tags": [],
    }


def containing_texts(examples: Iterable[dict[str, Any]], texts: Sequence[str]) -> list[dict[str, Any]]:
    """The examples whose inputs, outputs or metadata contain each text, without regard to case."""
    forms = [text.casefold() for text in texts]
    return [example for example in examples if all(form in _searched(example) for form in forms)]


def _searched(example: Mapping[str, Any]) -> str:
    parts = [example.get(name) for name in ("inputs", "outputs", "metadata")]
    return json.dumps(parts, ensure_ascii=False).casefold()


def ordered_examples(examples: list[dict[str, Any]], order: str | None, seed: float | None) -> list[dict[str, Any]]:
    """The examples in an order of the API; without one as they were created."""
    if order == "random":
        shuffled = list(examples)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a sample, no secret
        return shuffled
    if order == "id":
        return sorted(examples, key=lambda example: str(example["id"]))
    if order in ("recent", "recently_created"):
        name = "modified_at" if order == "recent" else "created_at"
        return sorted(examples, key=lambda example: str(example[name]), reverse=True)
    return examples


def selected(item: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """The named fields of an item, and its id.

    Raises:
        ErrorResponse: 400 for a field that it does not have.
    """
    if not names:
        return dict(item)
    if unknown := sorted(set(names) - item.keys()):
        raise ErrorResponse(400, {"detail": f"unknown select {unknown}"})
    return {name: item[name] for name in ("id", *names)}


def holds_metadata(item: Mapping[str, Any], metadata: Any) -> bool:
    """Whether an item's metadata has these keys and values.

    Raises:
        ErrorResponse: 400 where they are no object.
    """
    if metadata is None:
        return True
    if not isinstance(metadata, Mapping):
        raise ErrorResponse(400, {"detail": "metadata must be a JSON object"})
    own = item.get("metadata") or {}
    return isinstance(own, Mapping) and all(key in own and own[key] == value for key, value in metadata.items())


def sorted_by(
    items: list[dict[str, Any]], name: str | None, *, descending: bool, allowed: Sequence[str]
) -> list[dict[str, Any]]:
    """Items by a field, those without it last; without a field as they are.

    Raises:
        ErrorResponse: 400 for another field.
    """
    if name is None:
        return items
    if name not in allowed:
        detail = f"sort by {name!r} is not implemented by the recorder: use {', '.join(allowed)}"
        raise ErrorResponse(400, {"detail": detail})
    there = [item for item in items if item.get(name) is not None]
    return [
        *sorted(there, key=lambda item: item[name], reverse=descending),
        *(item for item in items if item.get(name) is None),
    ]
