"""Concluding an experiment whose baseline is first scored by the present assertions, where the suite says so."""

import uuid
from dataclasses import replace

from eval_pipeline.analysis.baseline import baseline_of, rescored_baseline
from eval_pipeline.pipeline.conclude import Conclusion, conclude
from eval_pipeline.pipeline.rescore import open_rescoring
from eval_pipeline.results.experiment_record import ExperimentRecord, read_experiment
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite


def conclude_suite(store: Store, suite: Suite, record: ExperimentRecord, settings: LangSmithSettings) -> Conclusion:
    """Conclude an experiment of a suite; with `baseline: {rescore: true}` after its baseline is scored again.

    Raises:
        MissingUpstreamError: the baseline that the suite names is not there.
        InputError: an assertion cannot score the baseline's answers.
    """
    if suite.spec.rescores_baseline and record.scores_of is None:
        _score_baseline(store, suite, record, settings)
    return conclude(store, suite.spec, record, settings, folder=suite.folder)


def _score_baseline(store: Store, suite: Suite, record: ExperimentRecord, settings: LangSmithSettings) -> None:
    """Score the answers of the baseline by the present assertions, unless that was done or nothing has changed."""
    name = baseline_of(store, record, suite.spec.baseline_name)
    if name is None:
        return
    source = read_experiment(store, record.suite, name)
    if source.metrics == record.metrics or rescored_baseline(store, record, name) is not None:
        return
    spec = suite.spec.model_copy(update={"baseline": None})
    rescoring = open_rescoring(
        store,
        replace(suite, spec=spec),
        source,
        settings,
        launch_id=uuid.uuid4().hex,
        launched_by={"baseline_of": record.experiment},
    )
    rescoring.plan()  # raises before anything is paid for
    rescoring.score(run_id=uuid.uuid4().hex)
