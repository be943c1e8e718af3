"""A variant that is ready to be evaluated: its experiment is begun, its prompts are pinned, its target is open."""

from dataclasses import dataclass, replace

from eval_pipeline.analysis.baseline import baseline_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.pipeline.begin import ExperimentInputs, OpenExperiment, begin_or_join
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import LAST_PASSED, Suite
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.variant import Variant, prompt_names, variants_of


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One variant of a comparison."""

    variant: Variant
    experiment: OpenExperiment
    evaluator: CaseEvaluator

    @property
    def name(self) -> str:
        """The variant's."""
        return self.variant.name

    @property
    def record(self) -> ExperimentRecord:
        """Of its experiment."""
        return self.experiment.record

    @property
    def prompt_commits(self) -> dict[str, str]:
        """The prompts of its target, as `VariantStanding.prompts` holds them."""
        return prompt_names(self.experiment.prompts)

    def attempts(self, case: Case) -> list[Attempt]:
        """The attempts to make at `case`."""
        return self.evaluator.attempts(case, self.record.repetitions)


def open_contenders(suite: Suite, launch: Launch) -> list[Contender]:
    """`current` and the variants of a plan, `current` first.

    Raises:
        InputError: a variant makes no target, a prompt is missing, or lost a variable.
        ExperimentConflictError: the comparison was begun with another target, prompt or judge.
        MissingUpstreamError: the context is gone, or the baseline that the suite names.
    """
    contenders = [_opened(variant, launch) for variant in variants_of(suite, launch.plan.variants)]
    if suite.spec.baseline_name not in (None, LAST_PASSED):
        baseline_of(launch.store, contenders[0].record, suite.spec.baseline_name)  # raises before anything is paid for
    return contenders


def _opened(variant: Variant, launch: Launch) -> Contender:
    plan = launch.plan
    inputs = ExperimentInputs(dataset_version=plan.dataset_version, context_id=plan.context_id, cases=len(plan.cases))
    try:
        experiment = begin_or_join(
            launch.store,
            variant.suite,
            plan.experiment(variant.name),
            lambda: inputs,
            settings=launch.settings,
            run_id=launch.run_id,
            repetitions=plan.repetitions,
            launched_by={"launch": plan.launched, **launch.launched_by},
            variant=variant.name,
        )
    except InputError as error:
        raise InputError([_of_variant(problem, variant) for problem in error.problems]) from error
    return Contender(variant=variant, experiment=experiment, evaluator=experiment.evaluator())


def _of_variant(problem: Problem, variant: Variant) -> Problem:
    if variant.name == CURRENT:
        return problem
    return replace(problem, message=f"variant {variant.name!r}: {problem.message}")
