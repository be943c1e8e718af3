"""The form of a case as an example of a LangSmith dataset, from which it can be loaded again.

    inputs      the user's messages                      metadata    the case's own, its id, tags and description,
    outputs     the reference                                        and under `case` all other fields
    split       the split of the case

Recordings are left out: they are large, and their conversations are in the traces.
"""

from collections.abc import Mapping
from typing import Any

from eval_pipeline.suite.case import Case

REST = "case"
"""The metadata key of all other fields of a case."""
TURN_ASSERTIONS = "turn_assertions"
OWN_KEYS = frozenset(
    {"case_id", "content_hash", "sync_hash", "tags", "description", "assertions", "dataset_split", REST}
)
"""Metadata keys of an example that are not metadata of the case."""

_WITHOUT_PLACE = {"assertions", "runtime", "simulation", "on_interrupt"}


def example_fields(case: Case) -> dict[str, Any]:
    """`inputs`, `outputs`, `metadata` and `split` of a case's example; its inputs have the same form as in traces."""
    messages = [turn.user for turn in case.turns]
    # Metadata with one of our own keys is stored among the other fields: here it would be mistaken for ours.
    plain = {key: value for key, value in case.metadata.items() if key not in OWN_KEYS}
    metadata = {**plain, "case_id": case.id, "content_hash": case.content_hash(), "tags": list(case.tags)}
    if case.description is not None:
        metadata["description"] = case.description
    if rest := _rest(case):
        metadata[REST] = rest
    return {
        "inputs": {"input": messages[0] if messages else "", "messages": messages},
        "outputs": dict(case.reference),
        "metadata": metadata,
        "split": case.split,
    }


def rest_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The other fields of the case of an example that this module wrote; `{}` for any other example."""
    rest = metadata.get(REST)
    return dict(rest) if "sync_hash" in metadata and isinstance(rest, Mapping) else {}


def _rest(case: Case) -> dict[str, Any]:
    rest = case.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=_WITHOUT_PLACE)
    turns = [turn.model_dump(mode="json", by_alias=True, exclude_defaults=True) for turn in case.turns]
    if any("assertions" in turn for turn in turns):
        rest[TURN_ASSERTIONS] = [turn.get("assertions", []) for turn in turns]
    if shadowed := {key: value for key, value in case.metadata.items() if key in OWN_KEYS}:
        rest["metadata"] = shadowed
    return rest
