"""Measure how far the assertions of an experiment, and each judge of a panel, agree with human labels."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

from eval_pipeline.analysis.agreement.human_labels import HumanLabel
from eval_pipeline.analysis.statistics.agreement import (
    Measure,
    Pairs,
    accuracy,
    confusion,
    kappa,
    kendall,
    spearman,
)
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.wording import nearest

Scale = Literal["yes or no", "labels", "numbers"]
COLUMNS = ["case_id", "attempt", "assertions"]
"""The columns of results that are read."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The agreement of one assertion, or of one of its judges, with human labels."""

    assertion: str
    judge: str | None
    """The member of a panel; None for the assertion's own result."""
    scale: Scale
    cases: int
    pairs: int
    unanswered: int
    """Labels whose result is an error, or has no value on this scale."""
    missing: int
    """Labels of cases and attempts that the experiment does not have."""
    accuracy: Measure | None
    """None for numbers, as kappa."""
    kappa: Measure | None
    spearman: Measure | None
    """None for labels without scores, as Kendall's tau."""
    kendall: Measure | None
    confusion: Sequence[tuple[Any, Any, int]]
    """Human label, result of the assertion, count; empty for numbers."""

    def to_json(self) -> dict[str, Any]:
        """The agreement as plain data."""
        return asdict(self)


def agreements(results: pa.Table, labels: Sequence[HumanLabel]) -> list[Agreement]:
    """The agreement of each labelled assertion, and after it that of each judge of its panel.

    Args:
        results: rows of `RESULT_SCHEMA` with `COLUMNS`.
        labels: the human labels.

    Raises:
        InputError: a label matches several results or names a metric that the experiment does not have, or no label
            matches a result.
    """
    results_by_name = _index(results)
    by_assertion: dict[str, list[tuple[HumanLabel, Mapping[str, Any] | None]]] = defaultdict(list)
    problems: list[Problem] = []
    for label in labels:
        matching = _matching(label, results_by_name)
        if len(matching) > 1:
            fix = "give its `attempt`, and its `turn`"
            problems.append(Problem(message=f"the label matches {len(matching)} results", fix=fix, file=label.place))
        by_assertion[label.assertion].append((label, matching[0] if matching else None))
    if problems:
        raise InputError(problems)
    names = {name for _, name in results_by_name}
    unknown = {label.assertion: label for label in reversed(labels) if label.assertion not in names}
    if names and unknown:
        raise InputError(
            Problem(
                message=f"the experiment has no metric {name!r}", fix=nearest(name, names), file=label.place or None
            )
            for name, label in reversed(unknown.items())
        )
    if not any(result for rated in by_assertion.values() for _, result in rated):
        fix = f"use its case ids, and its assertions: {', '.join(sorted(names)) or 'none'}"
        raise InputError(Problem(message="no label matches a result of this experiment", fix=fix))
    return [agreement for name, rated in by_assertion.items() for agreement in _agreements_of(name, rated)]


def agreements_by_version(results: pa.Table, labels: Sequence[HumanLabel]) -> dict[str, Agreement]:
    """As `agreements`, of each version of a metric by itself; results of earlier versions of rows have none."""
    results_by_name = _index(results)
    rated: dict[tuple[str, str], list[tuple[HumanLabel, Mapping[str, Any] | None]]] = defaultdict(list)
    for label in labels:
        for result in _matching(label, results_by_name):
            if result.get("version") is not None:
                rated[label.assertion, result["version"]].append((label, result))
    return {version: _agreement(name, None, own, lambda result: result) for (name, version), own in rated.items()}


Rated = Sequence[tuple[HumanLabel, Mapping[str, Any] | None]]
Compared = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""From the result of an assertion to what is compared: the result itself, or one vote in it."""


def _agreements_of(name: str, rated: Rated) -> Iterable[Agreement]:
    yield _agreement(name, None, rated, lambda result: result)
    judges = dict.fromkeys(vote["model"] for _, result in rated if result for vote in result["votes"] or ())
    if len(judges) > 1:
        for judge in judges:
            yield _agreement(name, judge, rated, lambda result, judge=judge: _vote(result, judge))  # type: ignore[misc]


def _agreement(name: str, judge: str | None, rated: Rated, compared: Compared) -> Agreement:
    matched = [(label, other) for label, result in rated if result is not None and (other := compared(result))]
    scale = _scale(matched)
    scores = {other["label"]: other["score"] for _, other in matched if other["label"] is not None}
    pairs: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    for label, other in matched:
        value = other[{"yes or no": "passed", "labels": "label", "numbers": "score"}[scale]]
        if value is not None:
            pairs[label.case_id].append((_human(label.label, scale), value))
    groups = list(pairs.values())
    ranked = _ranked(groups, scale, scores)
    count = sum(map(len, groups))
    missing = sum(result is None for _, result in rated)
    return Agreement(
        assertion=name,
        judge=judge,
        scale=scale,
        cases=len(groups),
        pairs=count,
        unanswered=len(rated) - missing - count,
        missing=missing,
        accuracy=None if scale == "numbers" else accuracy(groups),
        kappa=None if scale == "numbers" else kappa(groups),
        spearman=spearman(ranked),
        kendall=kendall(ranked),
        confusion=() if scale == "numbers" else confusion(groups),
    )


def _scale(matched: Sequence[tuple[HumanLabel, Mapping[str, Any]]]) -> Scale:
    labels = [label.label for label, _ in matched]
    if any(isinstance(label, str) for label in labels):
        return "labels"
    if all(label in {0, 1} for label in labels) and any(other["passed"] is not None for _, other in matched):
        return "yes or no"
    return "numbers"


def _human(label: Any, scale: Scale) -> Any:
    return {"yes or no": bool, "labels": str, "numbers": float}[scale](label)


def _ranked(groups: Pairs, scale: Scale, scores: Mapping[str, float | None]) -> Pairs:
    """The pairs as numbers; empty if a label has no score."""
    if scale != "labels":
        return [[(float(one), float(other)) for one, other in group] for group in groups]
    if any(scores.get(value) is None for group in groups for pair in group for value in pair):
        return []
    return [[(scores[one], scores[other]) for one, other in group] for group in groups]


def _vote(result: Mapping[str, Any], judge: str) -> Mapping[str, Any] | None:
    return next((vote for vote in result["votes"] or () if vote["model"] == judge), None)


Index = Mapping[tuple[str, str], Sequence[tuple[int, Mapping[str, Any]]]]
"""By case and assertion: the attempt and the result."""


def _index(results: pa.Table) -> Index:
    index: dict[tuple[str, str], list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for row in results.select(COLUMNS).to_pylist():
        for assertion in row["assertions"] or ():
            index[row["case_id"], assertion["name"]].append((row["attempt"], assertion))
    return index


def _matching(label: HumanLabel, index: Index) -> list[Mapping[str, Any]]:
    return [
        result
        for attempt, result in index.get((label.case_id, label.assertion), ())
        if label.attempt in (None, attempt) and label.turn in (None, result["turn"])
    ]
