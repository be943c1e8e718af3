"""Whether two experiments measured by the same yardstick: in which cases a metric's version differs between them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.analysis.case_values import Row
from eval_pipeline.wording import counted, first_names

_MOST_NAMED = 5

Scale = frozenset[tuple[Any, ...]]
"""The versions of the assertions behind a number; empty where rows of earlier versions do not have them."""


@dataclass(frozen=True, kw_only=True)
class ChangedYardsticks:
    """The cases in which two experiments cannot be compared, because what measured them has changed."""

    metrics: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By metric."""
    verdicts: frozenset[str] = frozenset()
    """The cases whose deciding assertions differ."""
    scores: frozenset[str] = frozenset()
    """The cases whose assertions differ, or their weights."""

    @classmethod
    def between(cls, rows: Sequence[Row], old_rows: Sequence[Row]) -> "ChangedYardsticks":
        """Of the rows of two experiments, on the cases that both have."""
        names = {item["name"] for row in (*rows, *old_rows) for item in row["assertions"] or ()}
        metrics = {name: _differing(rows, old_rows, _of_metric(name)) for name in sorted(names)}
        return cls(
            metrics={name: cases for name, cases in metrics.items() if cases},
            verdicts=_differing(rows, old_rows, _of_verdict),
            scores=_differing(rows, old_rows, _of_score),
        )

    def warnings(self) -> list[str]:
        """What was left out of the comparison."""
        if not self.verdicts and not self.metrics:
            return []
        named = first_names(list(self.metrics), _MOST_NAMED) if self.metrics else "what decides"
        what = "the metric changed" if len(self.metrics) == 1 else "metrics changed"
        cases = frozenset().union(self.verdicts, *self.metrics.values())
        return [f"{what}: {named}; numbers by another yardstick are not compared, of {counted(len(cases), 'case')}"]


_Item = Mapping[str, Any]


def _of_metric(name: str) -> Callable[[_Item], tuple[Any, ...] | None]:
    return lambda item: (item["turn"], item["version"]) if item["name"] == name else None


def _of_verdict(item: _Item) -> tuple[Any, ...] | None:
    return (item["turn"], item["version"]) if item["weight"] > 0 else None


def _of_score(item: _Item) -> tuple[Any, ...] | None:
    return (item["turn"], item["version"], item["weight"]) if item["weight"] > 0 else None


def _differing(
    rows: Sequence[Row], old_rows: Sequence[Row], part: Callable[[_Item], tuple[Any, ...] | None]
) -> frozenset[str]:
    """The cases whose scales differ, where both experiments say what they were."""
    now, then = _scales(rows, part), _scales(old_rows, part)
    return frozenset(case for case in now.keys() & then.keys() if now[case] and then[case] and now[case] != then[case])


def _scales(rows: Sequence[Row], part: Callable[[_Item], tuple[Any, ...] | None]) -> dict[str, Scale]:
    scales: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for row in rows:
        for item in row["assertions"] or ():
            if item.get("version") is not None and (own := part(item)) is not None:
                scales[row["case_id"]].add(own)
    return {case: frozenset(scale) for case, scale in scales.items()}
