"""Evaluators written for LangSmith, openevals or agentevals, unchanged.

Belongs here: giving them what they ask for and reading what they return. Does not belong here: callables in this
project's own form (`python_call.py`).
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langsmith.evaluation import EvaluationResult, RunEvaluator
from langsmith.schemas import Example, Run

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.assertions.scope import Scope, Verdict
from eval_pipeline.evaluation.signature import call_with_known
from eval_pipeline.evaluation.targets.messages import openai_messages
from eval_pipeline.suite import assertion as spec
from eval_pipeline.suite.import_path import resolve

_NAMESPACE = uuid.UUID("6f0f3bb0-6f0d-4b1e-9f0c-9d8b7b1a2c3d")


async def evaluator(assertion: spec.Evaluator, scope: Scope) -> list[Verdict]:
    """What the evaluator returns, one verdict per result.

    Raises:
        InputError: it returned something LangSmith would not accept.
    """
    found = resolve(assertion.path, folder=scope.folder)
    if assertion.factory:
        found = found(**assertion.args)
    inputs = {"input": scope.turns[0].input if scope.turns else "", "messages": [turn.input for turn in scope.turns]}
    outputs = {"response": scope.response, "output": scope.response, "messages": openai_messages(scope.turns)}
    example, run = _example(scope, inputs), _run(inputs, outputs)
    if isinstance(found, RunEvaluator):
        returned: Any = await found.aevaluate_run(run, example)
    else:
        known = {
            "outputs": outputs,
            "inputs": inputs,
            "reference_outputs": dict(scope.case.reference),
            "run": run,
            "example": example,
            **({} if assertion.factory else assertion.args),
        }
        returned = await call_with_known(found, known)
    return [_verdict(item, assertion) for item in _items(returned)]


def _items(returned: Any) -> Sequence[Any]:
    if isinstance(returned, Mapping) and set(returned) == {"results"}:
        returned = returned["results"]
    return returned if isinstance(returned, list) else [returned]


def _verdict(returned: Any, assertion: spec.Evaluator) -> Verdict:
    if isinstance(returned, EvaluationResult):
        returned = returned.model_dump()
    if isinstance(returned, bool | int | float):
        returned = {"score": returned}
    elif isinstance(returned, str):
        returned = {"value": returned}
    if not isinstance(returned, Mapping) or not ({"score", "value"} & returned.keys()):
        fix = "return a bool, a number, text, or {key, score or value, comment}"
        raise InputError(Problem(message=f"{assertion.path!r} returned {returned!r}", fix=fix))
    score, value, comment = returned.get("score"), returned.get("value"), returned.get("comment")
    name = returned.get("key") or returned.get("name")
    return Verdict(
        name=None if name is None else str(name),
        passed=score if isinstance(score, bool) else None,
        score=None if score is None else _scaled(score, assertion),
        label=None if value is None else str(value),
        message=str(comment or ""),
    )


def _scaled(score: Any, assertion: spec.Evaluator) -> float:
    if isinstance(score, bool):
        return float(score)
    worst, best = assertion.scale
    scaled = (float(score) - worst) / (best - worst)
    if not 0 <= scaled <= 1:
        message = f"{assertion.path!r} gave the score {score:g}, outside {worst:g} to {best:g}"
        raise InputError(Problem(message=message, fix="give its range as `scale: [worst, best]`"))
    return scaled


def _example(scope: Scope, inputs: dict[str, Any]) -> Example:
    return Example(
        id=uuid.uuid5(_NAMESPACE, scope.case.id),
        dataset_id=_NAMESPACE,
        inputs=inputs,
        outputs=dict(scope.case.reference),
        metadata={**scope.case.metadata, "case_id": scope.case.id, "split": scope.case.split},
        created_at=dt.datetime.now(tz=dt.UTC),
    )


def _run(inputs: dict[str, Any], outputs: dict[str, Any]) -> Run:
    run_id = uuid.uuid4()
    now = dt.datetime.now(tz=dt.UTC)
    return Run(
        id=run_id,
        trace_id=run_id,
        name="case",
        run_type="chain",
        start_time=now,
        end_time=now,
        inputs=inputs,
        outputs=outputs,
    )
