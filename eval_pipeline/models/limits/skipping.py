"""The rows of attempts that were not made."""

import datetime as dt

from eval_pipeline.evaluation.attempt import Attempt, Evaluator
from eval_pipeline.results.case_result import CaseResult, EvaluationError, Tokens

SKIPPED = "Skipped"
"""Stands where a row has the name of an error's class."""


def skipped(evaluator: Evaluator, attempt: Attempt, reason: str) -> CaseResult:
    """The result of an attempt that was not made: neither passed nor failed, and made later by a run that resumes."""
    case, pins = attempt.case, evaluator.pins
    return CaseResult(
        suite=evaluator.suite.name,
        experiment=pins.experiment,
        case_id=case.id,
        attempt=attempt.number,
        variant=pins.variant,
        split=case.split,
        tags=case.tags,
        status="skipped",
        score=None,
        assertions=(),
        turns=(),
        started_at=dt.datetime.now(tz=dt.UTC),
        latency_s=0.0,
        tokens=Tokens(),
        cost_usd=None,
        context_id=pins.context_id,
        dataset_version=pins.dataset_version,
        target_version=pins.target_version,
        fingerprint=evaluator.fingerprint(case),
        error=EvaluationError(name=SKIPPED, message=reason, traceback=""),
    )
