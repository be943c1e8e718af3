"""One run of a comparison of variants: what it works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eval_pipeline.pipeline.progress import Progress, QuietProgress
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.variants.variant_plan import VariantPlan


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One run: the first of a comparison, or one that resumes it."""

    plan: VariantPlan
    store: Store
    settings: LangSmithSettings
    """Where traces go."""
    run_id: str
    launched_by: Mapping[str, str] = field(default_factory=dict)
    """For the records of the experiments: Dagster's ids."""
    retry_errors: bool = False
    """Whether attempts that ended in an error before are made again."""
    progress: Progress = field(default_factory=QuietProgress)
