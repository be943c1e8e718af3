"""Compare two experiments on the cases that both have: differences, p-values, and the cases that changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

from eval_pipeline.analysis.case_values import (
    ByCase,
    Row,
    attempts_made,
    cases_of_metrics,
    cost_of,
    lost_scores,
    score_or_worst,
    scores_by_metric,
    together,
    values_by_case,
    verdicts_by_case,
)
from eval_pipeline.analysis.comparison.yardsticks import ChangedYardsticks
from eval_pipeline.analysis.slices import slices_of
from eval_pipeline.analysis.statistics.paired import PairedDifference, holm, paired_difference
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.analysis.summary import SUMMARY_COLUMNS
from eval_pipeline.results.experiment_record import ExperimentRecord, read_experiment
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import CaseFacts, stored_cases
from eval_pipeline.wording import counted

Change = Literal["improved", "regressed", "unchanged"]
Pairs = Mapping[str, tuple[float, float]]
"""By case: the means over its attempts then and now."""

_PRIMARY = ("", "pass_rate")


@dataclass(frozen=True, kw_only=True)
class Difference(PairedDifference):
    """A paired difference among the others of its comparison."""

    p_adjusted: float
    """Two-sided, adjusted by Holm's method for all metrics and slices of the comparison. The pass rate of all cases is
    the primary metric, and is not adjusted."""
    change: Change
    """`unchanged` unless `p_adjusted` is below 0.05."""
    fell: Sequence[str]
    """The cases whose number fell, the largest drop first."""


@dataclass(frozen=True, kw_only=True)
class CaseChange:
    """A case whose share of passed attempts changed."""

    case_id: str
    then: float
    now: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences between an experiment and its baseline."""

    suite: str
    experiment: str
    baseline: str
    cases: int
    """The cases that both experiments attempted, and that are the same in both datasets."""
    pass_rate: Difference | None
    """None if no case can be compared."""
    score: Difference | None
    metrics: Mapping[str, Difference]
    """By assertion."""
    slices: Mapping[str, Difference]
    """The pass rate of each slice."""
    latency_s: PairedDifference | None
    cost_usd: PairedDifference | None
    """Of an attempt; for the cases whose cost both know."""
    improved: Sequence[CaseChange]
    regressed: Sequence[CaseChange]
    """The largest drop first."""
    unchanged: int
    warnings: Sequence[str]
    changed_metrics: Mapping[str, int] = field(default_factory=dict)
    """By metric, the cases in which its assertion is another one than in the baseline: they are not compared."""

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One experiment of a comparison."""

    record: ExperimentRecord
    rows: Sequence[Row]
    """With `SUMMARY_COLUMNS`, without skipped attempts."""
    cases: Sequence[CaseFacts]
    """The cases of its dataset: at least those that were attempted."""

    @classmethod
    def read(cls, store: Store, suite: str, experiment: str) -> "Side":
        """The experiment from the store.

        Raises:
            MissingUpstreamError: there is no such experiment.
        """
        record = read_experiment(store, suite, experiment)
        rows = read_results(store, suite, experiment, columns=SUMMARY_COLUMNS).to_pylist()
        cases = stored_cases(store, suite, record.dataset_version, {row["case_id"] for row in rows})
        return cls.of(record, rows, cases)

    @classmethod
    def of(cls, record: ExperimentRecord, rows: Sequence[Row], cases: Sequence[CaseFacts]) -> "Side":
        """The experiment from all its rows."""
        return cls(record=record, rows=attempts_made(rows), cases=cases)


def compare(store: Store, suite: str, *, experiment: str, baseline: str) -> Comparison:
    """Compare `experiment` with `baseline`.

    Raises:
        MissingUpstreamError: there is no such experiment.
    """
    return compare_sides(now=Side.read(store, suite, experiment), then=Side.read(store, suite, baseline))


def compare_sides(*, now: Side, then: Side) -> Comparison:
    """Compare `now` with `then`."""
    changed = _changed_cases(now, then)
    rows, old_rows = _of_the_same_cases(now, then, changed)
    yardsticks = ChangedYardsticks.between(rows, old_rows)
    verdicts, old_verdicts = verdicts_by_case(rows), verdicts_by_case(old_rows)
    pairs: dict[tuple[str, str], Pairs] = {
        _PRIMARY: _without(_pairs(verdicts, old_verdicts), yardsticks.verdicts),
        ("", "score"): _without(
            _pairs(*(values_by_case(side, score_or_worst) for side in (rows, old_rows))), yardsticks.scores
        ),
        **{
            ("metric", name): _without(value, yardsticks.metrics.get(name, ()))
            for name, value in _metric_pairs(rows, old_rows).items()
        },
    }
    for name, members in slices_of(rows, now.cases).items():
        pairs["slice", name] = {case: pair for case, pair in pairs[_PRIMARY].items() if case in members}
    adjusted = _adjusted(pairs)
    improved, regressed = _changes(pairs[_PRIMARY])
    return Comparison(
        suite=now.record.suite,
        experiment=now.record.experiment,
        baseline=then.record.experiment,
        cases=len({row["case_id"] for row in rows}),
        pass_rate=adjusted.get(_PRIMARY),
        score=adjusted.get(("", "score")),
        metrics={name: value for (kind, name), value in adjusted.items() if kind == "metric"},
        slices={name: value for (kind, name), value in adjusted.items() if kind == "slice"},
        latency_s=_difference(
            _pairs(*(values_by_case(side, lambda row: row["latency_s"]) for side in (rows, old_rows))), most=None
        ),
        cost_usd=_difference(_pairs(*(values_by_case(side, cost_of) for side in (rows, old_rows))), most=None),
        improved=improved,
        regressed=regressed,
        unchanged=len(pairs[_PRIMARY]) - len(improved) - len(regressed),
        warnings=[*_warnings(now, then, changed), *yardsticks.warnings()],
        changed_metrics={name: len(cases) for name, cases in yardsticks.metrics.items()},
    )


def _metric_pairs(rows: Sequence[Row], old_rows: Sequence[Row]) -> dict[str, Pairs]:
    """The pairs of each metric that both sides have: 0 for an attempt that an error left without a score of it."""
    sides = [(scores_by_metric(side), cases_of_metrics(side), side) for side in (rows, old_rows)]
    (scores, names, _), (old_scores, old_names, _) = sides
    pairs = {}
    for name in sorted(scores.keys() | old_scores.keys()):
        # A side of which no assertion is on record, because all of it broke, may have every metric.
        if (names and name not in names) or (old_names and name not in old_names):
            continue
        cases = {name: scores.get(name, {}).keys() | old_scores.get(name, {}).keys()}
        values = [together(own.get(name, {}), lost_scores(side, cases).get(name, {})) for own, _, side in sides]
        pairs[name] = _pairs(*values)
    return pairs


def _without(pairs: Pairs, cases: Collection[str]) -> Pairs:
    return {case_id: pair for case_id, pair in pairs.items() if case_id not in cases}


def _pairs(now: ByCase, then: ByCase) -> Pairs:
    return {case_id: (fmean(then[case_id]), fmean(now[case_id])) for case_id in sorted(now.keys() & then.keys())}


def _difference(pairs: Pairs, *, most: float | None = 1.0) -> PairedDifference | None:
    return paired_difference([then for then, _ in pairs.values()], [now for _, now in pairs.values()], most=most)


def _adjusted(pairs: Mapping[tuple[str, str], Pairs]) -> dict[tuple[str, str], Difference]:
    present = {key: difference for key, value in pairs.items() if (difference := _difference(value)) is not None}
    others = [key for key in present if key != _PRIMARY]
    adjusted = dict(zip(others, holm([present[key].p_value for key in others]), strict=True))
    return {
        key: Difference(
            **asdict(value),
            p_adjusted=adjusted.get(key, value.p_value),
            change=_change(value.difference, adjusted.get(key, value.p_value)),
            fell=[change.case_id for change in _changes(pairs[key])[1]],
        )
        for key, value in present.items()
    }


def _change(difference: float, p_value: float) -> Change:
    if p_value >= LEVEL:
        return "unchanged"
    return "improved" if difference > 0 else "regressed"


def _changes(pairs: Pairs) -> tuple[list[CaseChange], list[CaseChange]]:
    """The cases whose number rose and those whose number fell, the largest changes first."""
    changes = [CaseChange(case_id=case_id, then=then, now=now) for case_id, (then, now) in pairs.items()]
    ordered = sorted(changes, key=lambda change: (-abs(change.now - change.then), change.case_id))
    return (
        [change for change in ordered if change.now > change.then],
        [change for change in ordered if change.now < change.then],
    )


def _of_the_same_cases(now: Side, then: Side, changed: frozenset[str]) -> tuple[list[Row], list[Row]]:
    """The rows of both, for the cases that both have and that did not change, sorted by case."""
    shared = ({row["case_id"] for row in now.rows} & {row["case_id"] for row in then.rows}) - changed
    rows, old_rows = (
        sorted((row for row in side.rows if row["case_id"] in shared), key=lambda row: row["case_id"])
        for side in (now, then)
    )
    return rows, old_rows


def _changed_cases(now: Side, then: Side) -> frozenset[str]:
    """The cases whose content differs between the datasets: they cannot be compared."""
    if now.record.dataset_version == then.record.dataset_version:
        return frozenset()
    before = {case.id: case.content_hash() for case in then.cases}
    return frozenset(case.id for case in now.cases if before.get(case.id, case.content_hash()) != case.content_hash())


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _warnings(now: Side, then: Side, changed: frozenset[str]) -> list[str]:
    attempted, attempted_then = ({row["case_id"] for row in side.rows} for side in (now, then))
    left = len(changed & attempted & attempted_then)
    warnings = []
    if now.record.dataset_version != then.record.dataset_version:
        left_out = f"; {counted(left, 'case')} that changed {'is' if left == 1 else 'are'} left out" if left else ""
        warnings.append(
            f"the datasets differ ({then.record.dataset_version} then, {now.record.dataset_version} now){left_out}"
        )
    if attempted != attempted_then:
        only_now, only_then = len(attempted - attempted_then), len(attempted_then - attempted)
        parts = [(only_now, "only now"), (only_then, "only then")]
        warnings.append(
            " and ".join(f"{counted(count, 'case')} {_were(count)} attempted {when}" for count, when in parts if count)
        )
    if now.record.context_id != then.record.context_id:
        warnings.append(
            f"the shared contexts differ ({then.record.context_id} then, {now.record.context_id} now), which may "
            "cause differences"
        )
    pinned, pinned_then = now.record.prompts or {}, then.record.prompts or {}
    for role in sorted(pinned.keys() & pinned_then.keys()):
        before, after = pinned_then[role].place, pinned[role].place
        if before != after:
            warnings.append(f"the {role}'s prompt was found {before} then, and {after} now")
    return warnings
