"""The plan of each run of an experiment, written before its first attempt, to find cases that were not evaluated."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.layout import plans_prefix
from eval_pipeline.store.store import Store


class RunPlan(BaseModel):
    """What one run is to evaluate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str
    cases: tuple[str, ...]


def write_plan(store: Store, suite: str, experiment: str, *, run_id: str, cases: Sequence[str]) -> None:
    """Write the plan of a run; once, however often the run begins."""
    plan = RunPlan(run_id=run_id, cases=tuple(cases))
    store.put_if_absent(f"{plans_prefix(suite, experiment)}{run_id}.json", plan.model_dump_json().encode())


def planned_cases(store: Store, suite: str, experiment: str) -> list[str]:
    """The cases that the runs of an experiment were to evaluate, sorted.

    Raises:
        CorruptDataError: a plan cannot be read.
    """
    case_ids: set[str] = set()
    for key in store.list(plans_prefix(suite, experiment)):
        try:
            case_ids.update(RunPlan.model_validate_json(store.get(key) or b"").cases)
        except ValidationError as error:
            fix = "delete it, and say which cases to evaluate"
            raise CorruptDataError(f"{store.uri(key)} cannot be read as a run's plan", fix=fix) from error
    return sorted(case_ids)
