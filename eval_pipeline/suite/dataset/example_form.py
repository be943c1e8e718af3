"""The form of a case as an example of a LangSmith dataset, from which it can be loaded again.

    inputs      those of the case                         metadata    the case's own, its id, tags and description,
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

CONVERSATION = "conversation"
"""What the example's inputs are where they are no texts: the case's `inputs`, or the mapping of its only `turn`; or
`turns`, which are written beside them."""
_WITHOUT_PLACE = {
    "assertions",
    "runtime",
    "simulation",
    "on_interrupt",
    "attachments",
    "context",
    "configurable",
    "state",
}


def example_fields(case: Case) -> dict[str, Any]:
    """`inputs`, `outputs`, `metadata` and `split` of a case's example; its inputs have the same form as in traces."""
    # Metadata with one of our own keys is stored among the other fields: here it would be mistaken for ours.
    plain = {key: value for key, value in case.metadata.items() if key not in OWN_KEYS}
    metadata = {**plain, "case_id": case.id, "content_hash": case.content_hash(), "tags": list(case.tags)}
    if case.description is not None:
        metadata["description"] = case.description
    if rest := _rest(case):
        metadata[REST] = rest
    return {
        "inputs": case.example_inputs(),
        "outputs": case.reference_outputs,
        "metadata": metadata,
        "split": case.split,
    }


def rest_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The other fields of the case of an example that this module wrote; `{}` for any other example."""
    rest = metadata.get(REST)
    return dict(rest) if "sync_hash" in metadata and isinstance(rest, Mapping) else {}


def _rest(case: Case) -> dict[str, Any]:
    rest = case.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=_WITHOUT_PLACE)
    if case.reference is None or not isinstance(case.reference, Mapping):
        rest["reference"] = case.reference
    if case.inputs is not None and not isinstance(case.inputs, Mapping):
        rest["inputs"] = case.inputs
    if case.is_made_of_inputs:
        return rest | _shadowed(case) | {CONVERSATION: "inputs"}
    turns = [turn.model_dump(mode="json", by_alias=True, exclude_defaults=True) for turn in case.turns]
    if any("assertions" in turn for turn in turns):
        rest[TURN_ASSERTIONS] = [turn.get("assertions", []) for turn in turns]
    if case.inputs is None and not case.messages and all(isinstance(turn.input, str) for turn in case.turns):
        return rest | _shadowed(case)
    if case.inputs is None and not case.messages and len(turns) == 1 and isinstance(case.turns[0].input, Mapping):
        return rest | _shadowed(case) | {CONVERSATION: "turn"}
    rest[CONVERSATION] = "turns" if case.inputs is None else "inputs"
    rest["turns"] = [turn.input for turn in case.turns]
    rest["messages"] = [*case.messages]
    return rest | _shadowed(case)


def _shadowed(case: Case) -> dict[str, Any]:
    shadowed = {key: value for key, value in case.metadata.items() if key in OWN_KEYS}
    return {"metadata": shadowed} if shadowed else {}
