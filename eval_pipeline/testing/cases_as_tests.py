"""The cases of a suite as tests of pytest: `pytest --eval-suite my_suite`."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import override

from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import CaseResult


class SuiteCases(pytest.Collector):
    """The cases of one suite."""

    @functools.cached_property
    def runner(self) -> EvalRunner:
        """Evaluates them; the shared context is built, or found, with the first."""
        return EvalRunner(self.name)

    @override
    def collect(self) -> list[pytest.Item]:
        try:
            cases = sorted(case.id for case in self.runner.dataset.cases)
        except EvalPipelineError as error:
            raise pytest.UsageError(f"--eval-suite {self.name}: {error}") from error
        return [CaseTest.from_parent(self, name=case_id) for case_id in cases]


class CaseTest(pytest.Item):
    """One case, which passes or fails as one attempt at it does. A case that nothing decides is skipped."""

    parent: SuiteCases

    @override
    def runtest(self) -> None:
        result = self.parent.runner.run(self.name)
        if result.status == "unscored":
            pytest.skip("nothing decided: the case has no assertion that passes or fails")
        if result.status != "passed":
            raise CaseNotPassedError(result)

    @override
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseNotPassedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    @override
    def reportinfo(self) -> tuple[str, None, str]:
        return self.parent.name, None, f"{self.parent.name}::{self.name}"


class CaseNotPassedError(AssertionError):
    """An attempt at a case did not pass; the message is its conversation and what decided against it."""

    def __init__(self, result: CaseResult) -> None:
        super().__init__("\n".join(_lines(result)))


def _lines(result: CaseResult) -> Iterator[str]:
    yield f"case {result.case_id}: {result.status}"
    for turn in result.turns:
        yield f"  user:  {turn.text}"
        yield f"  agent: {turn.response}"
    if result.error is not None:
        yield f"  {result.error.name}: {result.error.message}"
    for assertion in result.failed_assertions:
        broke = "" if assertion.error is None else f"{assertion.error.name}: {assertion.error.message}"
        yield f"  {assertion.name}: {assertion.message or broke}"
