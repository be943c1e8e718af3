"""A comparison of variants made by hand."""

from dataclasses import replace
from typing import Any

from eval_pipeline.variants.variant_comparison import Effort, Outcome, VariantComparison, VariantStanding


def standing(name: str, outcome: Outcome, **given: Any) -> VariantStanding:
    """A standing with sensible numbers."""
    is_current = outcome == "current"
    standing = VariantStanding(
        name=name,
        experiment=f"shop-0123456789ab-{name}",
        prompts={"support": "c0ffee00"},
        changes=() if is_current else ("prompt:support",),
        cases=20,
        score=0.5,
        delta=None if is_current else 0.1,
        low=None if is_current else 0.0,
        high=None if is_current else 0.2,
        p_adjusted=None if is_current else 0.5,
        outcome=outcome,
        gates_passed=True,
    )
    return replace(standing, **given)


def comparison(**given: Any) -> VariantComparison:
    """A comparison that `good` won."""
    comparison = VariantComparison(
        name="shop-0123456789ab",
        suite="shop",
        dataset_version="d1",
        context_id="c1",
        made_at="2026-01-02T03:04:05.678+00:00",
        metric="pass_rate",
        standings=(standing("current", "current"), standing("good", "better", p_adjusted=0.01)),
        winner="good",
        verdict="good is better than current",
        effort=Effort(attempts=30, attempts_of_all=40, looks=2),
    )
    return replace(comparison, **given)
