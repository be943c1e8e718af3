"""What a comparison of variants undertook, written before its first attempt, so that one that was killed can go on."""

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.layout import variant_plans_prefix
from eval_pipeline.store.store import Store


class VariantPlan(BaseModel):
    """What is compared, on what, and by what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the launch; its experiments are `<name>-<variant>`."""
    suite: str
    launched: str
    """The id of the launch, by which a run goes on with it."""
    created_at: str
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


def pin_plan(store: Store, wanted: VariantPlan) -> VariantPlan:
    """Begin what `wanted` says, or go on with what is there under its name."""
    if store.put_if_absent(_key(wanted.suite, wanted.name), wanted.model_dump_json(indent=2).encode()):
        return wanted
    found = find_plan(store, wanted.suite, wanted.name)
    assert found is not None
    return found


def find_plan(store: Store, suite: str, name: str) -> VariantPlan | None:
    """What the comparison of that name undertook; None if there is none.

    Raises:
        CorruptDataError: it cannot be read.
    """
    return _read(store, _key(suite, name))


def latest_plan(store: Store, suite: str) -> VariantPlan | None:
    """What was begun last of a suite; None if nothing was.

    Raises:
        CorruptDataError: a plan cannot be read.
    """
    found = [plan for key in store.list(variant_plans_prefix(suite)) if (plan := _read(store, key)) is not None]
    return max(found, key=lambda plan: (plan.created_at, plan.name), default=None)


def _key(suite: str, name: str) -> str:
    return f"{variant_plans_prefix(suite)}{name}.json"


def _read(store: Store, key: str) -> VariantPlan | None:
    data = store.get(key)
    try:
        return None if data is None else VariantPlan.model_validate_json(data)
    except ValidationError as error:
        fix = "delete it, and compare the variants again"
        raise CorruptDataError(f"{store.uri(key)} cannot be read as the plan of a comparison", fix=fix) from error
