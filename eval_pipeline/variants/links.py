"""Links to the experiments of the variants of a comparison, where they were traced."""

from dataclasses import dataclass

from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.tracing.experiment.trace_status import read_traced
from eval_pipeline.variants.variant_comparison import VariantComparison


@dataclass(frozen=True, kw_only=True)
class VariantLinks:
    """Of one variant."""

    experiment: str
    beside_current: str | None
    """None of `current` itself, and where that was not traced."""


def links_of(store: Store, comparison: VariantComparison) -> dict[str, VariantLinks]:
    """By variant; those that were not traced are left out."""
    traced = {each.name: read_traced(store, comparison.suite, each.experiment) for each in comparison.standings}
    sessions = {name: runs[0].session for name, runs in traced.items() if runs}
    current = sessions.get(CURRENT)
    return {
        name: VariantLinks(
            experiment=session.url,
            beside_current=None if current is None or name == CURRENT else session.comparison_url(current.id),
        )
        for name, session in sessions.items()
    }
