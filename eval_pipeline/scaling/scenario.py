"""Combine the parameters of the model, from the caller, from a suite, or defaults, and estimate runs with them."""

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
from eval_pipeline.wording import nearest

_Part = TypeVar("_Part", Workload, Deployment, Constants)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingEstimate:
    """Duration, cost and warnings of a run of a number of cases."""

    workload: Workload
    prediction: Prediction
    dollars: Mapping[str, float]
    warnings: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """A workload without its number of cases, a deployment, and constants."""

    workload: Workload
    deployment: Deployment
    constants: Constants

    @classmethod
    def of(cls, given: Mapping[str, Any], spec: SuiteSpec | None = None) -> Self:
        """The scenario with the fields that are `given`, by name; others come from the suite, or are defaults.

        Raises:
            InputError: there is no such field, or its value is invalid.
        """
        values = {**({} if spec is None else _of_suite(spec)), **given}
        names = {field.name for part in (Workload, Deployment, Constants) for field in dataclasses.fields(part)}
        if unknown := sorted(values.keys() - names):
            raise InputError(
                Problem(message=f"the model has no parameter {name!r}", fix=nearest(name, names), field="--set")
                for name in unknown
            )
        return cls(
            workload=_validated(Workload, {"cases": 0, **values}),
            deployment=_validated(Deployment, values),
            constants=_validated(Constants, values),
        )

    def estimate(self, cases: int) -> ScalingEstimate:
        """Estimate a run of so many cases."""
        workload = dataclasses.replace(self.workload, cases=cases)
        prediction = predict(workload, self.deployment, self.constants)
        return ScalingEstimate(
            workload=workload,
            prediction=prediction,
            dollars=dollars(workload, self.deployment, prediction, self.constants),
            warnings=warnings(workload, self.deployment, prediction, self.constants),
        )


def _of_suite(spec: SuiteSpec) -> dict[str, Any]:
    evaluation, compute = spec.evaluation, spec.compute
    values = {
        "repetitions": spec.repetitions or 1,
        "kind": compute.kind,
        "concurrency": evaluation.max_concurrency,
        "requests_per_minute": evaluation.requests_per_minute,
        "tokens_per_minute": evaluation.tokens_per_minute,
    }
    if isinstance(compute, LocalCompute):
        return {**values, "cases_per_task": evaluation.max_cases_per_run}
    fan_out = {"workers": compute.max_parallel, "cases_per_task": compute.cases_per_task, "poll_s": compute.poll_s}
    return {**values, **fan_out}


def _validated(kind: type[_Part], values: Mapping[str, Any]) -> _Part:
    names = {field.name for field in dataclasses.fields(kind)}
    try:
        return TypeAdapter(kind).validate_python({name: value for name, value in values.items() if name in names})
    except ValidationError as error:
        problems = [
            Problem(message=details["msg"], fix="give a value of its type", field=".".join(map(str, details["loc"])))
            for details in error.errors(include_input=False, include_url=False)
        ]
        raise InputError(problems) from error
