"""The outcome of comparing variants: each against the suite as it stands, and which one won, if any did.

It is written once, when everything is evaluated, and never changes: a promotion may rely on it.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from eval_pipeline.errors import CorruptDataError, MissingUpstreamError
from eval_pipeline.store.layout import variants_key, variants_prefix
from eval_pipeline.store.store import Store

Outcome = Literal["better", "worse", "no significant difference", "dropped", "current"]

_STRICT = ConfigDict(extra="forbid")


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class VariantStanding:
    """The outcome of one variant."""

    name: str
    experiment: str
    """The experiment that evaluated it."""
    prompts: Mapping[str, str]
    """The prompts of the target that it was evaluated with: for one of the Hub its name and the commit's hash; for a
    file `file:PATH` and a digest of its text. Empty where the target names no prompt."""
    changes: tuple[str, ...]
    """What it changes of the suite: `prompt:NAME`, named as in `prompts`, `model`, `params`, `config`."""
    cases: int
    """Those that it and `current` both attempted; of `current`, all it attempted."""
    score: float | None
    """Its mean of the comparison's metric over those cases; None without any."""
    delta: float | None
    """That minus `current`'s on the same cases; None for `current` itself."""
    low: float | None
    """95 % interval of `delta`; None with fewer than two cases."""
    high: float | None
    p_adjusted: float | None
    """Two-sided, adjusted by Holm's method for there being several variants; None for `current`, and for one that was
    dropped."""
    outcome: Outcome
    """Against `current`, at level 0.05. `dropped`: successive halving ended its evaluation, since it was worse than the
    best of that moment."""
    gates_passed: bool
    """Whether its experiment met the suite's blocking gates, a regression being one against `current`; False for one
    that was dropped."""
    errors: int = 0
    """Attempts that broke."""
    attempts: int = 0
    """Those made."""
    cost_usd: float | None = None
    """Dollars of all attempts; None where any price is unknown."""
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By `role`, `model`, `tool` and `prompt`, as `Summary.costs`."""

    @property
    def cost_per_attempt(self) -> float | None:
        """Dollars of an attempt, by which variants of different numbers of attempts can be compared."""
        return None if self.cost_usd is None or not self.attempts else self.cost_usd / self.attempts


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Effort:
    """What was evaluated, and what successive halving made unnecessary."""

    attempts: int
    """Made, of all variants together."""
    attempts_of_all: int
    """What every variant on every case would have taken."""
    looks: int
    """How often variants were compared before the end; 0 without halving."""

    @property
    def saved(self) -> float:
        """The share of the attempts that was not made."""
        return 1 - self.attempts / self.attempts_of_all if self.attempts_of_all else 0.0


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class VariantComparison:
    """Variants of one suite, evaluated on the same cases and the same context."""

    name: str
    """Of the launch; its experiments are `<name>-<variant>`."""
    suite: str
    dataset_version: str
    context_id: str | None
    made_at: str
    """UTC, ISO 8601."""
    metric: str
    """What they are compared by: `pass_rate`, `score`, or an assertion's name."""
    standings: tuple[VariantStanding, ...]
    """`current` first, then the others, the best first."""
    winner: str | None
    """The variant that is significantly better than `current`, the best of them if there are several; None where none
    is. Never `current`."""
    verdict: str
    """That, in one plain sentence."""
    effort: Effort
    order: int = 0
    """Its place among what was begun of its suite, which decides what is latest; 0 in those of versions before."""

    @property
    def score_delta(self) -> float | None:
        """How much better the winner is than `current`; None without a winner."""
        return None if self.winner is None else self.standing(self.winner).delta

    def standing(self, variant: str) -> VariantStanding:
        """The outcome of a variant.

        Raises:
            KeyError: there is no such variant.
        """
        for standing in self.standings:
            if standing.name == variant:
                return standing
        raise KeyError(variant)


_COMPARISON = TypeAdapter(VariantComparison)


def write_comparison(store: Store, comparison: VariantComparison) -> VariantComparison:
    """Keep the comparison, unless there is one of its name. Returns the one that counts, which is the first."""
    data = _COMPARISON.dump_json(comparison, indent=2)
    if store.put_if_absent(variants_key(comparison.suite, comparison.name), data):
        return comparison
    return read_comparison(store, comparison.suite, comparison.name)


def read_comparison(store: Store, suite: str, name: str) -> VariantComparison:
    """The comparison of that name.

    Raises:
        MissingUpstreamError: there is none.
        CorruptDataError: it cannot be read.
    """
    comparison = find_comparison(store, suite, name)
    if comparison is None:
        message = f"there is no comparison of variants at {store.uri(variants_key(suite, name))}"
        raise MissingUpstreamError(message, fix="materialize variant_comparison, or `eval-pipeline variants run`")
    return comparison


def find_comparison(store: Store, suite: str, name: str) -> VariantComparison | None:
    """As `read_comparison`, or None if there is none."""
    return _read(store, variants_key(suite, name))


def latest_comparison(store: Store, suite: str) -> VariantComparison | None:
    """The comparison of a suite's variants that was made last; None if there is none.

    Raises:
        CorruptDataError: one cannot be read.
    """
    prefix = variants_prefix(suite)
    keys = [key for key in store.list(prefix) if key.endswith(".json") and "/" not in key.removeprefix(prefix)]
    read = (_read(store, key) for key in keys)
    comparisons = [comparison for comparison in read if comparison is not None]
    return max(comparisons, key=lambda each: (each.order, each.made_at, each.name), default=None)


def _read(store: Store, key: str) -> VariantComparison | None:
    data = store.get(key)
    try:
        return None if data is None else _COMPARISON.validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(key)} cannot be read as a comparison of variants",
            fix="delete it, and compare the variants again",
        ) from error
