"""A case as LangSmith's example of it, so that it can be read back.

    inputs      what the user says, turn by turn         metadata    the case's own, its id, tags and description,
    outputs     the reference                                        and under `case` what has no place elsewhere
    split       the case's

Recordings are not kept: they are large, and what was said is in the traces.
"""

from collections.abc import Mapping
from typing import Any

from eval_pipeline.suite.case import Case

REST = "case"
"""The key of metadata under which the rest of a case stands."""
TURN_ASSERTIONS = "turn_assertions"
OWN_KEYS = frozenset(
    {"case_id", "content_hash", "sync_hash", "tags", "description", "assertions", "dataset_split", REST}
)
"""Keys of an example's metadata that are not the case's metadata."""

_WITHOUT_PLACE = {"assertions", "runtime", "simulation", "on_interrupt"}


def example_fields(case: Case) -> dict[str, Any]:
    """`inputs`, `outputs`, `metadata` and `split` of a case's example; the inputs have the form of the traces'."""
    messages = [turn.user for turn in case.turns]
    # What has the name of one of our keys stands with the rest: here it would be read as that.
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
    """What an example that was written here says of its case besides its text; `{}` of any other."""
    found = metadata.get(REST)
    return dict(found) if "sync_hash" in metadata and isinstance(found, Mapping) else {}


def _rest(case: Case) -> dict[str, Any]:
    found = case.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=_WITHOUT_PLACE)
    turns = [turn.model_dump(mode="json", by_alias=True, exclude_defaults=True) for turn in case.turns]
    if any("assertions" in turn for turn in turns):
        found[TURN_ASSERTIONS] = [turn.get("assertions", []) for turn in turns]
    if shadowed := {key: value for key, value in case.metadata.items() if key in OWN_KEYS}:
        found["metadata"] = shadowed
    return found
