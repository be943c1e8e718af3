"""Reviewers of annotation queues: which keys they label, what they have labelled, and how far a queue is."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from eval_pipeline.recorder.core import Recorder

_OF_CASE = frozenset({"passed", "score"})


def is_person(feedback: dict[str, Any]) -> bool:
    """Whether a person gave a feedback."""
    source = feedback["feedback_source"]
    return isinstance(source, dict) and source.get("type") != "model"


def is_review(feedback: dict[str, Any]) -> bool:
    """Whether a reviewer gave it, by name, on a page."""
    return is_person(feedback) and feedback["feedback_source"].get("type") == "app"


def reviewer_name(feedback: dict[str, Any]) -> str:
    """Under which name a person gave it."""
    source = feedback["feedback_source"] or {}
    return str(source.get("user_name") or (source.get("metadata") or {}).get("reviewer") or source.get("type") or "api")


def given_labels(recorder: Recorder, run_id: str, reviewer: str) -> dict[str, dict[str, Any]]:
    """A reviewer's feedback on a run, by key."""
    given = recorder.feedback.of_runs([run_id]).get(run_id, [])
    return {each["key"]: each for each in given if is_person(each) and reviewer_name(each) == reviewer}


def reviewers_of(recorder: Recorder, run_ids: Sequence[str]) -> dict[str, set[str]]:
    """The names of those who gave feedback on each run."""
    names: dict[str, set[str]] = defaultdict(set)
    for run_id, given in (recorder.feedback.of_runs(run_ids) if run_ids else {}).items():
        names[run_id] |= {reviewer_name(each) for each in given if is_review(each)}
    return names


def is_reviewed(queue: dict[str, Any], reviewers: int) -> bool:
    """Whether so many reviewers are as many as the queue asks for."""
    return reviewers >= (queue["num_reviewers_per_item"] or 1)


def counts(reviewers: dict[str, set[str]]) -> list[tuple[str, int]]:
    """How many runs each reviewer has labelled, the most first."""
    return Counter(name for names in reviewers.values() for name in names).most_common()


def label_items(queue: dict[str, Any], feedback: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a reviewer labels: the items of the queue's rubric, or else the keys that evaluators scored on the run.

    Each has `key`, `description`, `labels` to choose from, and `verdicts`, what evaluators gave.
    """
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in feedback:
        if not is_person(each):
            by_key[each["key"]].append(each)
    rubric = [item for item in queue["rubric_items"] or () if item.get("feedback_key")]
    if rubric:
        keys = {str(item["feedback_key"]): item for item in rubric}
    else:
        keys = {key: {} for key in by_key if key not in _OF_CASE} or {"correct": {}}
    return [
        {
            "key": key,
            "description": item.get("description") or "",
            "labels": list(item.get("value_descriptions") or ()) or _labels(by_key.get(key, ())),
            "scores": item.get("score_descriptions") or {},
            "verdicts": by_key.get(key, []),
        }
        for key, item in keys.items()
    ]


def _labels(verdicts: Sequence[dict[str, Any]]) -> list[str]:
    return [str(each["value"]) for each in verdicts if isinstance(each["value"], str)]
