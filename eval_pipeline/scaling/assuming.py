"""What holds: the defaults, before them what a suite says of itself, before that what somebody says."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.scaling.constants import Constants
from eval_pipeline.scaling.cost import dollars, warnings
from eval_pipeline.scaling.model import Prediction, predict
from eval_pipeline.scaling.workload import Deployment, Workload
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.suite.suite import SuiteSpec

_Part = TypeVar("_Part", Workload, Deployment, Constants)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expected:
    """What is to be expected of so many cases."""

    load: Workload
    found: Prediction
    dollars: Mapping[str, float]
    warnings: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assumed:
    """A workload of any number of cases, a deployment, and what things cost."""

    load: Workload
    by: Deployment
    constants: Constants

    @classmethod
    def of(cls, given: Mapping[str, Any], spec: SuiteSpec | None = None) -> Self:
        """What is `given`, by the names of fields, then what the suite says, then the defaults.

        Raises:
            InputError: there is no such field, or the value is none of its kind.
        """
        said = {**({} if spec is None else _of_suite(spec)), **given}
        known = {field.name for part in (Workload, Deployment, Constants) for field in dataclasses.fields(part)}
        if unknown := sorted(said.keys() - known):
            fix = f"one of {', '.join(sorted(known))}"
            raise InputError(Problem(message=f"there is no {unknown[0]!r} to set", fix=fix, field=unknown[0]))
        return cls(
            load=_made(Workload, {"cases": 0, **said}),
            by=_made(Deployment, said),
            constants=_made(Constants, said),
        )

    def expected(self, cases: int) -> Expected:
        """Of so many cases."""
        load = dataclasses.replace(self.load, cases=cases)
        found = predict(load, self.by, self.constants)
        return Expected(
            load=load,
            found=found,
            dollars=dollars(load, self.by, found, self.constants),
            warnings=warnings(load, self.by, found, self.constants),
        )


def _of_suite(spec: SuiteSpec) -> dict[str, Any]:
    evaluation, compute = spec.evaluation, spec.compute
    found = {
        "repetitions": spec.repetitions or 1,
        "kind": compute.kind,
        "concurrency": evaluation.max_concurrency,
        "requests_per_minute": evaluation.requests_per_minute,
        "tokens_per_minute": evaluation.tokens_per_minute,
    }
    if isinstance(compute, LocalCompute):
        return {**found, "cases_per_task": evaluation.max_cases_per_run}
    fan_out = {"workers": compute.max_parallel, "cases_per_task": compute.cases_per_task, "poll_s": compute.poll_s}
    return {**found, **fan_out}


def _made(kind: type[_Part], said: Mapping[str, Any]) -> _Part:
    names = {field.name for field in dataclasses.fields(kind)}
    try:
        return TypeAdapter(kind).validate_python({name: value for name, value in said.items() if name in names})
    except ValidationError as error:
        problems = [
            Problem(message=found["msg"], fix="give a value of its kind", field=".".join(map(str, found["loc"])))
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise InputError(problems) from error
