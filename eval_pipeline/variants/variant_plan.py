"""The plan of a comparison of variants, written before its first attempt, so that it can be resumed."""

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.begun import next_place
from eval_pipeline.results.experiment_record import find_experiment
from eval_pipeline.results.log_view import ResultLogView
from eval_pipeline.store.layout import variant_plans_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.variant import CURRENT


class VariantPlan(BaseModel):
    """What is compared, on what, and by what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the launch; its experiments are `<name>-<variant>`."""
    suite: str
    launched: str
    """The id of the launch, by which a run resumes it."""
    created_at: str
    order: int = 0
    """As `ExperimentRecord.order`."""
    variants: tuple[str, ...]
    """Besides `current`."""
    cases: tuple[str, ...]
    repetitions: int | None = None
    """None for as many as the target has of a case."""
    metric: str = "pass_rate"
    """What they are compared by: `pass_rate`, `score`, or an assertion's name."""
    halving: bool = False
    """Whether variants that cannot win are dropped on the way."""
    dataset_version: str
    context_id: str | None

    def experiment(self, variant: str) -> str:
        """The experiment that evaluates a variant."""
        return f"{self.name}-{variant}"


def pin_plan(store: Store, plan: VariantPlan) -> VariantPlan:
    """Write a plan, unless there is one of its name. Returns the one that counts, which is the first."""
    if find_plan(store, plan.suite, plan.name) is None:
        begun = plan.model_copy(update={"order": next_place(store, plan.suite, plan.name)})
        if store.put_if_absent(_key(plan.suite, plan.name), begun.model_dump_json(indent=2).encode()):
            return begun
    pinned = find_plan(store, plan.suite, plan.name)
    assert pinned is not None
    return pinned


def find_plan(store: Store, suite: str, name: str) -> VariantPlan | None:
    """The plan of the comparison of that name; None if there is none.

    Raises:
        CorruptDataError: it cannot be read.
    """
    return _read(store, _key(suite, name))


def latest_plan(store: Store, suite: str) -> VariantPlan | None:
    """The plan of a suite that was begun last; None if none was.

    Raises:
        CorruptDataError: a plan cannot be read.
    """
    plans = [plan for key in store.list(variant_plans_prefix(suite)) if (plan := _read(store, key)) is not None]
    return max(plans, key=lambda plan: (plan.order, plan.created_at, plan.name), default=None)


def finished_attempts(store: Store, plan: VariantPlan) -> dict[str, int]:
    """By variant, `current` among them, how many attempts of a comparison are finished."""
    finished = {}
    for variant in (CURRENT, *plan.variants):
        experiment = plan.experiment(variant)
        begun = find_experiment(store, plan.suite, experiment) is not None
        finished[variant] = len(ResultLogView.open(store, plan.suite, experiment).finished) if begun else 0
    return finished


def _key(suite: str, name: str) -> str:
    return f"{variant_plans_prefix(suite)}{name}.json"


def _read(store: Store, key: str) -> VariantPlan | None:
    data = store.get(key)
    try:
        return None if data is None else VariantPlan.model_validate_json(data)
    except ValidationError as error:
        fix = "delete it, and compare the variants again"
        raise CorruptDataError(f"{store.uri(key)} cannot be read as the plan of a comparison", fix=fix) from error
