"""What an experiment says of itself before it begins: the scores it will give, and the models it uses."""

from collections.abc import Iterable, Sequence

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import SuiteSpec


def assertion_names(spec: SuiteSpec, cases: Iterable[Case]) -> list[str]:
    """The names of all assertions, each once, the suite's own first. An evaluator may give its scores other names."""
    placed = [*spec.assertions]
    for case in cases:
        placed += case.assertions
        placed += (assertion for turn in case.turns for assertion in turn.assertions)
    return list(dict.fromkeys(assertion.name or assertion.type for assertion in placed))


def model_names(spec: SuiteSpec) -> dict[str, str]:
    """`model`, the target's, and `judge_model`, where the suite says so."""
    target = next(iter(spec.target.models), spec.target.options.get("model"))
    named = {"model": target, "judge_model": None if spec.judge is None else spec.judge.model}
    return {name: model for name, model in named.items() if isinstance(model, str)}


def splits(cases: Sequence[Case]) -> tuple[str, ...]:
    """The splits of the cases, sorted."""
    return tuple(sorted({case.split for case in cases}))
