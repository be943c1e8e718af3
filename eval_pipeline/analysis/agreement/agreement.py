"""How far an experiment's assertions, and each judge of a panel, agree with people."""

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

Scale = Literal["yes or no", "labels", "numbers"]
COLUMNS = ["case_id", "attempt", "assertions"]
"""What of the results is read."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far one assertion, or one of its judges, agrees with people."""

    assertion: str
    judge: str | None
    """The member of a panel; None for the assertion's own result."""
    scale: Scale
    cases: int
    pairs: int
    unanswered: int
    """Labels whose result broke, or says nothing on this scale."""
    missing: int
    """Labels of cases and attempts that the experiment does not have."""
    accuracy: Measure | None
    """None for numbers, as kappa."""
    kappa: Measure | None
    spearman: Measure | None
    """None for labels without scores, as Kendall's tau."""
    kendall: Measure | None
    confusion: Sequence[tuple[Any, Any, int]]
    """What people said, what the assertion said, how often; empty for numbers."""

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return asdict(self)


def agreements(results: pa.Table, labels: Sequence[HumanLabel]) -> list[Agreement]:
    """The agreement of each labelled assertion, and after it that of each judge of its panel.

    Args:
        results: rows of `RESULT_SCHEMA` with `COLUMNS`.
        labels: what people said.

    Raises:
        InputError: a label may mean several results, or none of them means any.
    """
    found = _index(results)
    by_assertion: dict[str, list[tuple[HumanLabel, Mapping[str, Any] | None]]] = defaultdict(list)
    problems: list[Problem] = []
    for label in labels:
        meant = _meant(label, found)
        if len(meant) > 1:
            fix = "say which: give its `attempt`, and its `turn`"
            problems.append(Problem(message=f"{len(meant)} results are meant", fix=fix, file=label.place))
        by_assertion[label.assertion].append((label, meant[0] if meant else None))
    if problems:
        raise InputError(problems)
    if not any(result for rated in by_assertion.values() for _, result in rated):
        names = sorted({name for _, name in found})
        fix = f"use its case ids, and its assertions: {', '.join(names) or 'none'}"
        raise InputError(Problem(message="no label is about a result of this experiment", fix=fix))
    return [agreement for name, rated in by_assertion.items() for agreement in _agreements_of(name, rated)]


Rated = Sequence[tuple[HumanLabel, Mapping[str, Any] | None]]
Said = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""From an assertion's result to whoever is compared: the result itself, or one vote in it."""


def _agreements_of(name: str, rated: Rated) -> Iterable[Agreement]:
    yield _agreement(name, None, rated, lambda result: result)
    judges = dict.fromkeys(vote["model"] for _, result in rated if result for vote in result["votes"] or ())
    if len(judges) > 1:
        for judge in judges:
            yield _agreement(name, judge, rated, lambda result, judge=judge: _vote(result, judge))  # type: ignore[misc]


def _agreement(name: str, judge: str | None, rated: Rated, said: Said) -> Agreement:
    known = [(label, found) for label, result in rated if result is not None and (found := said(result)) is not None]
    scale = _scale(known)
    scores = {found["label"]: found["score"] for _, found in known if found["label"] is not None}
    pairs: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    for label, found in known:
        value = found[{"yes or no": "passed", "labels": "label", "numbers": "score"}[scale]]
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


def _scale(known: Sequence[tuple[HumanLabel, Mapping[str, Any]]]) -> Scale:
    labels = [label.label for label, _ in known]
    if any(isinstance(label, str) for label in labels):
        return "labels"
    if all(label in {0, 1} for label in labels) and any(found["passed"] is not None for _, found in known):
        return "yes or no"
    return "numbers"


def _human(label: Any, scale: Scale) -> Any:
    return {"yes or no": bool, "labels": str, "numbers": float}[scale](label)


def _ranked(groups: Pairs, scale: Scale, scores: Mapping[str, float | None]) -> Pairs:
    """The pairs as numbers; none if some label has no score."""
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
    found: dict[tuple[str, str], list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    for row in results.select(COLUMNS).to_pylist():
        for assertion in row["assertions"] or ():
            found[row["case_id"], assertion["name"]].append((row["attempt"], assertion))
    return found


def _meant(label: HumanLabel, found: Index) -> list[Mapping[str, Any]]:
    return [
        result
        for attempt, result in found.get((label.case_id, label.assertion), ())
        if label.attempt in (None, attempt) and label.turn in (None, result["turn"])
    ]
