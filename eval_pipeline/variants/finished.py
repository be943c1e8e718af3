"""How far a comparison of variants has come."""

from eval_pipeline.results.experiment_record import find_experiment
from eval_pipeline.results.progress import standing_of
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.variants.variant_plan import VariantPlan


def finished_attempts(store: Store, plan: VariantPlan) -> dict[str, int]:
    """By variant, `current` among them, how many attempts are in its result log."""
    found = {}
    for variant in (CURRENT, *plan.variants):
        record = find_experiment(store, plan.suite, plan.experiment(variant))
        found[variant] = 0 if record is None else len(standing_of(store, record).finished)
    return found
