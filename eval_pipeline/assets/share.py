"""One run's share of an experiment: what it has to do, and with what.

Belongs here: that value. Does not belong here: doing it (`evaluating.py`, `fanning_out.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg

from eval_pipeline.evaluation.attempt import Evaluator
from eval_pipeline.experiment.record import ExperimentRecord
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.settings import LangSmithSettings


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one run has to do, and with what."""

    context: dg.AssetExecutionContext
    key: dg.AssetKey
    """Of `case_results`."""
    step_key: str
    """Of the step that makes it."""
    record: ExperimentRecord
    store: Store
    evaluator: Evaluator
    dataset: Sequence[Case]
    """All cases of the experiment."""
    cases: Sequence[Case]
    """Those of this run."""
    settings: LangSmithSettings
    retry_errors: bool = False
    reuse: Literal["never", "unchanged"] = "never"
