"""One run of a comparison of variants: what it works with, and who waits for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.variants.variant_plan import VariantPlan


class Waiting(Protocol):
    """Somebody who waits for a comparison to end."""

    def step(self, message: str) -> None:
        """A piece of the work is done."""

    def begin(self, attempts: int) -> None:
        """So many attempts are about to be made."""

    def result(self, result: CaseResult) -> None:
        """One attempt was made."""


class NobodyWaits:
    """Says nothing."""

    def step(self, message: str) -> None:
        """Say nothing."""

    def begin(self, attempts: int) -> None:
        """Say nothing."""

    def result(self, result: CaseResult) -> None:
        """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One run: the first of a comparison, or one that goes on with it."""

    plan: VariantPlan
    store: Store
    settings: LangSmithSettings
    """Where traces go."""
    run_id: str
    launched_by: Mapping[str, str] = field(default_factory=dict)
    """For the records of the experiments: Dagster's ids."""
    retry_errors: bool = False
    """Whether attempts that erred before are made again."""
    waiting: Waiting = field(default_factory=NobodyWaits)
