"""Carrying out one assertion of any type, and what becomes of its verdict."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from eval_pipeline.assertions import (
    calls,
    evaluator,
    grounding,
    json_text,
    judged,
    limits,
    numbers,
    python_call,
    similarity,
    text,
)
from eval_pipeline.assertions.fields.assertion import Assertion
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InfrastructureError
from eval_pipeline.models.calls.failures import require_accepted_key
from eval_pipeline.models.metering import metered
from eval_pipeline.results.case_result import AssertionResult, EvaluationError
from eval_pipeline.user_code.exits import ending_only_itself

ASSERTIONS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "contains": text.contains,
    "icontains": text.icontains,
    "not_contains": text.not_contains,
    "equals": text.equals,
    "starts_with": text.starts_with,
    "regex": text.regex,
    "one_of": text.one_of,
    "is_json": json_text.is_json,
    "json_schema": json_text.json_schema,
    "json_path": json_text.json_path,
    "numeric": numbers.numeric,
    "similarity": similarity.similarity,
    "contains_function_call": calls.contains_function_call,
    "no_function_call": calls.no_function_call,
    "function_call_order": calls.function_call_order,
    "handoff_to": calls.handoff_to,
    "max_latency": limits.max_latency,
    "max_tokens": limits.max_tokens,
    "max_cost": limits.max_cost,
    "max_turns": limits.max_turns,
    "llm_rubric": judged.by_rubric,
    "llm_score": judged.by_rubric,
    "llm_preference": judged.llm_preference,
    "grounded_in_context": grounding.grounded_in_context,
    "python": python_call.python_call,
    "evaluator": evaluator.evaluator,
}


def calls_out(assertion: Assertion) -> bool:
    """Whether it may call a model or code of the user's, which a trace shows; all others compare values."""
    return inspect.iscoroutinefunction(ASSERTIONS[assertion.type])


async def score(assertion: Assertion, scope: Scope) -> list[AssertionResult]:
    """Carry out `assertion` on `scope`: one result, or several from an evaluator that reports several metrics.

    Raises:
        InfrastructureError: the world around us failed; anything else that an assertion raises is data.
    """
    with metered() as meter:
        try:
            with ending_only_itself("the assertion"):
                said = ASSERTIONS[assertion.type](assertion, scope)
                if inspect.isawaitable(said):
                    said = await said
            verdicts = said if isinstance(said, list) else [said]
            results = [_result(assertion, scope, verdict) for verdict in verdicts]
        except (InfrastructureError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an assertion of the user's raises, the others still count
            require_accepted_key(error)
            results = [_broken(assertion, scope, error)]
    if meter.usage:
        results[:1] = [replace(result, usage=meter.usage) for result in results[:1]]
    return results


def _result(assertion: Assertion, scope: Scope, verdict: CheckResult) -> AssertionResult:
    passed, value = verdict.passed, verdict.score
    if value is None and passed is not None:
        value = 1.0 if passed else 0.0
    if assertion.threshold is not None and value is not None:
        passed = value >= assertion.threshold
    if assertion.negate:
        passed = None if passed is None else not passed
        value = None if value is None else 1.0 - value
    return AssertionResult(
        name=assertion.name or verdict.name or assertion.type,
        type=assertion.type,
        turn=scope.turn,
        passed=passed,
        score=value,
        weight=assertion.weight,
        message=verdict.message,
        label=verdict.label,
        votes=verdict.votes,
    )


def _broken(assertion: Assertion, scope: Scope, error: Exception) -> AssertionResult:
    record = EvaluationError.of(error)
    return AssertionResult(
        name=assertion.name or assertion.type,
        type=assertion.type,
        turn=scope.turn,
        passed=None,
        score=None,
        weight=assertion.weight,
        message=f"broke: {record.name}: {record.message}",
        error=record,
    )
