"""One run's share of an experiment: what it has to do, and with what."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg

from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import written_cases


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
    evaluator: CaseEvaluator
    cases: Sequence[Case]
    """Those of this run, sorted by id."""
    settings: LangSmithSettings
    retry_errors: bool = False
    reuse: Literal["never", "unchanged"] = "never"

    @functools.cached_property
    def dataset(self) -> Sequence[Case]:
        """All cases of the experiment, sorted by id; read when it is asked for: few runs of few cases need it."""
        own = {case.id for case in self.cases}
        others = written_cases(self.store, self.evaluator.suite, self.record.dataset_version, excluded=own)
        return sorted([*self.cases, *others], key=lambda case: case.id)
