"""What makes the attempts of an experiment: its record's pins, with the suite as it is here."""

from eval_pipeline.assertions.judges.pulled_corrections import with_pulled_corrections
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.opening import open_target


def evaluator_of(suite: Suite, store: Store, record: ExperimentRecord, prompts: SuitePrompts) -> CaseEvaluator:
    """What makes the attempts of an experiment, with the prompts that it pins.

    Raises:
        MissingUpstreamError: its context is gone, or the corrections that its judge is shown.
        InputError: the target cannot be opened.
    """
    pins = Pins(
        experiment=record.experiment,
        dataset_version=record.dataset_version,
        context_id=record.context_id,
        target_version=record.target_version,
        variant=record.variant,
    )
    applied = prompts.applied(with_pulled_corrections(suite, store, record.corrections))
    return CaseEvaluator(
        suite=applied,
        target=open_target(applied, prompts),
        context=context_of(suite, store, record),
        pins=pins,
        prompts=prompts,
    )


def context_of(suite: Suite, store: Store, record: ExperimentRecord) -> SharedContext | None:
    """The shared context of an experiment; None if it has none.

    Raises:
        MissingUpstreamError: it is gone.
    """
    return None if record.context_id is None else SharedContext.open(store, suite.name, record.context_id)
