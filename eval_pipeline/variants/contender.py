"""A variant that is ready to be evaluated: its experiment is begun, its prompts are pinned, its target is open."""

from dataclasses import dataclass, replace

from eval_pipeline.analysis.baseline import baseline_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.pipeline.begin import Material, begin_or_join
from eval_pipeline.pipeline.evaluator import evaluator_of
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import LAST_PASSED, Suite
from eval_pipeline.tracing.shape.unified import UnifiedTrace
from eval_pipeline.variants.launch import Launch
from eval_pipeline.variants.variant import Variant, prompt_names, variants_of


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One variant of a comparison."""

    variant: Variant
    record: ExperimentRecord
    evaluator: CaseEvaluator
    begun: UnifiedTrace | None
    """The experiment's one trace, if this run is the one that begins it."""
    prompts: SuitePrompts

    @property
    def name(self) -> str:
        """The variant's."""
        return self.variant.name

    @property
    def prompt_commits(self) -> dict[str, str]:
        """The prompts of its target, as `VariantStanding.prompts` says."""
        return prompt_names(self.prompts)

    def attempts(self, case: Case) -> list[Attempt]:
        """The attempts at `case` that are to be made."""
        return self.evaluator.attempts(case, self.record.repetitions)


def open_contenders(suite: Suite, launch: Launch) -> list[Contender]:
    """`current` and the variants of a plan, `current` first.

    Raises:
        InputError: a variant makes no target, a prompt is missing, or lost a variable.
        ExperimentConflictError: the comparison was begun with another target, prompt or judge.
        MissingUpstreamError: the context is gone, or the baseline that the suite names.
    """
    found = [_opened(variant, launch) for variant in variants_of(suite, launch.plan.variants)]
    if suite.spec.baseline not in (None, LAST_PASSED):
        baseline_of(launch.store, found[0].record, suite.spec.baseline)  # raises before anything is paid for
    return found


def _opened(variant: Variant, launch: Launch) -> Contender:
    plan, store, settings = launch.plan, launch.store, launch.settings
    name = plan.experiment(variant.name)
    material = Material(dataset_version=plan.dataset_version, context_id=plan.context_id, cases=len(plan.cases))
    try:
        found = begin_or_join(
            store,
            variant.suite,
            name,
            lambda: material,
            settings=settings,
            run_id=launch.run_id,
            repetitions=plan.repetitions,
            launched_by={"launch": plan.launched, **launch.launched_by},
            variant=variant.name,
        )
    except InputError as error:
        raise InputError([_of_variant(problem, variant) for problem in error.problems]) from error
    evaluator = evaluator_of(variant.suite, store, found.record, found.prompts)
    return Contender(
        variant=variant,
        record=found.record,
        evaluator=evaluator.configured(settings),
        begun=found.begun,
        prompts=found.prompts,
    )


def _of_variant(problem: Problem, variant: Variant) -> Problem:
    return (
        problem if variant.name == CURRENT else replace(problem, message=f"variant {variant.name!r}: {problem.message}")
    )
