"""Deciding which variant wins: each is compared with `current`, case by case, and the outcome is a sentence.

The p-values are two-sided, of the paired permutation test, and adjusted by Holm's method for as many variants as there
were: a variant that was dropped on the way counts among them as one that shows nothing, which can only make the others'
larger. So the chance that any variant is called better or worse that is neither is at most 0.05.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.analysis.statistics.paired import PairedDifference, holm, p_is, paired_difference
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.variants.halving import Drop, Values
from eval_pipeline.variants.metric import shown_metric
from eval_pipeline.variants.variant_comparison import Outcome, VariantStanding
from eval_pipeline.wording import counted


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A variant whose evaluation is finished."""

    name: str
    experiment: str
    prompts: Mapping[str, str]
    changes: tuple[str, ...]
    values: Values
    """The metric of each case it attempted."""
    gates_passed: bool
    errors: int
    """Attempts that broke."""
    attempts: int = 0
    cost_usd: float | None = None
    """Dollars of all attempts; None where any price is unknown."""
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By `role`, `model`, `tool` and `prompt`."""


@dataclass(frozen=True, kw_only=True)
class VariantDecision:
    """The outcome of a comparison."""

    standings: tuple[VariantStanding, ...]
    winner: str | None
    verdict: str


def decide(entrants: Sequence[Entrant], dropped: Mapping[str, Drop], *, metric: str) -> VariantDecision:
    """Compare every entrant with `current`, which is one of them."""
    current = next(each for each in entrants if each.name == CURRENT)
    others = [each for each in entrants if each.name != CURRENT]
    differences = {each.name: _difference(current.values, each.values) for each in others}
    p_values = holm([1.0 if each.name in dropped else _p_value(differences[each.name]) for each in others])
    standings = [
        _standing(each, differences[each.name], p_value, dropped=each.name in dropped)
        for each, p_value in zip(others, p_values, strict=True)
    ]
    ranked = sorted(
        standings, key=lambda standing: (standing.outcome == "dropped", -(standing.delta or 0.0), standing.name)
    )
    better = [standing for standing in ranked if standing.outcome == "better"]
    winner = better[0] if better else None
    values = {each.name: each.values for each in entrants}
    equals = [] if winner is None else _equals(winner, better[1:], values)
    return VariantDecision(
        standings=(_standing(current, None, None, dropped=False), *ranked),
        winner=None if winner is None else winner.name,
        verdict=_verdict(ranked, winner, equals, metric=metric),
    )


def _difference(then: Values, now: Values) -> PairedDifference | None:
    shared = sorted(then.keys() & now.keys())
    return paired_difference([then[case] for case in shared], [now[case] for case in shared])


def _p_value(difference: PairedDifference | None) -> float:
    return 1.0 if difference is None else difference.p_value


def _standing(
    entrant: Entrant, difference: PairedDifference | None, p_value: float | None, *, dropped: bool
) -> VariantStanding:
    own = entrant.values
    return VariantStanding(
        name=entrant.name,
        experiment=entrant.experiment,
        prompts=entrant.prompts,
        changes=entrant.changes,
        cases=len(own) if difference is None else difference.cases,
        score=(sum(own.values()) / len(own) if own else None) if difference is None else difference.now,
        delta=None if difference is None else difference.difference,
        low=None if difference is None else difference.low,
        high=None if difference is None else difference.high,
        p_adjusted=None if dropped else p_value,
        outcome=_outcome(entrant, difference, p_value, dropped=dropped),
        gates_passed=entrant.gates_passed and not dropped,
        errors=entrant.errors,
        attempts=entrant.attempts,
        cost_usd=entrant.cost_usd,
        costs=entrant.costs,
    )


def _outcome(entrant: Entrant, difference: PairedDifference | None, p_value: float | None, *, dropped: bool) -> Outcome:
    if entrant.name == CURRENT:
        return "current"
    if dropped:
        return "dropped"
    if difference is None or p_value is None or p_value >= LEVEL:
        return "no significant difference"
    return "better" if difference.difference > 0 else "worse"


def _equals(winner: VariantStanding, better: Sequence[VariantStanding], values: Mapping[str, Values]) -> list[str]:
    """Those that are better than `current` too, and that the winner is not significantly better than."""
    differences = [_difference(values[each.name], values[winner.name]) for each in better]
    p_values = holm(list(map(_p_value, differences)))
    return [each.name for each, p_value in zip(better, p_values, strict=True) if p_value >= LEVEL]


def _verdict(
    ranked: Sequence[VariantStanding], winner: VariantStanding | None, equals: Sequence[str], *, metric: str
) -> str:
    ties = [each.name for each in ranked if each.outcome == "no significant difference"]
    worse = [each.name for each in ranked if each.outcome == "worse"]
    dropped = [each.name for each in ranked if each.outcome == "dropped"]
    parts = []
    if winner is not None:
        parts.append(_won(winner, metric))
        if equals:
            parts.append(f"{_named(equals)} {_is(equals)} better than current too, and not significantly worse than it")
        if not winner.gates_passed:
            parts.append(f"but {winner.name} does not meet the suite's gates")
    if ties:
        parts.append(f"no significant difference between current and {_named(ties, 'or')}")
    elif winner is None:
        parts.append("no variant is better than current")
    if worse:
        parts.append(f"{_named(worse)} {_is(worse)} worse")
    if dropped:
        parts.append(f"{_named(dropped)} {'was' if len(dropped) == 1 else 'were'} dropped on the way")
    text = "; ".join(parts)
    # A variant's name begins a sentence as it is.
    return f"{text if winner is not None else text[0].upper() + text[1:]}."


def _won(winner: VariantStanding, metric: str) -> str:
    assert winner.score is not None
    assert winner.delta is not None
    assert winner.p_adjusted is not None
    interval = (
        ""
        if winner.low is None or winner.high is None
        else f", 95 % interval {100 * winner.low:+.1f} to {100 * winner.high:+.1f}"
    )
    return (
        f"{winner.name} is better than current: {shown_metric(metric)} {winner.score:.1%} against "
        f"{winner.score - winner.delta:.1%} on {counted(winner.cases, 'case')}, {100 * winner.delta:+.1f} points"
        f"{interval} ({p_is(winner.p_adjusted)})"
    )


def _named(names: Sequence[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
