"""Running one assertion of any type, and turning what its check returns or raises into results."""

import asyncio
import inspect
from dataclasses import replace
from typing import Any

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InfrastructureError
from eval_pipeline.models.calls.failures import require_accepted_key
from eval_pipeline.models.usage import counted_usage
from eval_pipeline.results.case_result import AssertionResult, EvaluationError
from eval_pipeline.runs.call_counting import counting_runs
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.user_code.exits import contain_exits

_MANY_CHARACTERS = 50_000
"""Comparing so many takes milliseconds, during which no other attempt goes on."""


def may_call_out(assertion: Assertion) -> bool:
    """Whether it may call a model or user code, which a trace shows; all others compare values."""
    return inspect.iscoroutinefunction(assertion.check)


async def score(assertion: Assertion, scope: Scope) -> list[AssertionResult]:
    """Run `assertion` on `scope`: one result, or several from an evaluator that reports several metrics.

    Raises:
        InfrastructureError: the infrastructure failed. Anything else that an assertion raises is a result.
    """
    with counted_usage() as counted, counting_runs(counted):
        try:
            with contain_exits("the assertion"):
                if may_call_out(assertion):
                    returned = assertion.decide(scope)
                else:
                    returned = await _off_the_loop(assertion, scope)
                if inspect.isawaitable(returned):
                    returned = await returned
            checks: list[CheckResult] = returned if isinstance(returned, list) else [returned]
            results = [_result(assertion, scope, check) for check in checks]
        except (InfrastructureError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an assertion raises, the others still count
            require_accepted_key(error)
            results = [_failed(assertion, scope, error)]
    if used := counted.by_model:
        results[:1] = [replace(result, usage=used) for result in results[:1]]
    return results


async def _off_the_loop(assertion: Assertion, scope: Scope) -> Any:
    """Decide in a thread where that may take long, so that other attempts do not wait."""
    if assertion.may_take_long or scope.characters > _MANY_CHARACTERS:
        return await asyncio.to_thread(assertion.decide, scope)
    return assertion.decide(scope)


def _result(assertion: Assertion, scope: Scope, check: CheckResult) -> AssertionResult:
    passed, value = check.passed, check.score
    if value is None and passed is not None:
        value = 1.0 if passed else 0.0
    if assertion.threshold is not None and value is not None:
        passed = value >= assertion.threshold
    if assertion.negate:
        passed = None if passed is None else not passed
        value = None if value is None else 1.0 - value
    return AssertionResult(
        name=assertion.name or check.name or assertion.metric,
        type=assertion.type,
        turn=scope.turn,
        passed=passed,
        score=value,
        weight=assertion.weight,
        message=check.message,
        label=check.label,
        value=check.value,
        worst=assertion.worst_value,
        votes=check.votes,
    )


def _failed(assertion: Assertion, scope: Scope, error: Exception) -> AssertionResult:
    record = EvaluationError.of(error)
    return AssertionResult(
        name=assertion.metric,
        type=assertion.type,
        turn=scope.turn,
        passed=None,
        score=None,
        weight=assertion.weight,
        message=f"raised {record.name}: {record.message}",
        worst=assertion.worst_value,
        error=record,
    )
