"""Slices: groups of cases by split, tag, or metadata, named `split=hard`, `tag=refunds` or `metadata.tier=gold`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval_pipeline.suite.dataset.stored import CaseFacts
from eval_pipeline.suite.spec.gates import EVERY

MOST_VALUES = 20
"""A metadata key with more values is an identifier or a number, and makes no slices."""

Members = Mapping[str, frozenset[str]]
"""The ids of the cases of each slice, by its name."""


def slices_of(rows: Iterable[Mapping[str, Any]], cases: Sequence[CaseFacts] = ()) -> Members:
    """Every slice of an experiment: splits, tags, then metadata, each by name.

    Args:
        rows: rows with `case_id`, `split` and `tags`.
        cases: the cases of the dataset, for their metadata.
    """
    members: dict[str, set[str]] = defaultdict(set)
    present = set()
    for row in rows:
        present.add(row["case_id"])
        members[f"split={row['split']}"].add(row["case_id"])
        for tag in row["tags"] or []:
            members[f"tag={tag}"].add(row["case_id"])
    members |= _by_metadata(case for case in cases if case.id in present)
    kinds = ["split", "tag", "metadata"]
    ordered = sorted(members, key=lambda name: (kinds.index(kind_of(name).partition(".")[0]), kind_of(name), name))
    return {name: frozenset(members[name]) for name in ordered}


def kind_of(name: str) -> str:
    """The part of a slice's name before the `=`: `split`, `tag` or `metadata.<key>`."""
    return name.partition("=")[0]


def _by_metadata(cases: Iterable[CaseFacts]) -> dict[str, set[str]]:
    values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for case in cases:
        for key, value in case.metadata.items():
            if isinstance(value, str | bool | int):
                values[key][str(value)].add(case.id)
    return {
        f"metadata.{key}={value}": members
        for key, by_value in values.items()
        if 1 < len(by_value) <= MOST_VALUES
        for value, members in by_value.items()
    }


def in_slice(case_id: str, name: str | None, members: Members) -> bool:
    """Whether a case is in a slice; None means all cases."""
    return name is None or case_id in members.get(name, ())


def matching(pattern: str, members: Members) -> list[str]:
    """The slices that match `split=hard` or `tag=*`."""
    kind, _, value = pattern.partition("=")
    return [name for name in members if name == pattern or (value == EVERY and kind_of(name) == kind)]
