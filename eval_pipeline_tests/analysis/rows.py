"""Case results for tests of analysis."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from eval_pipeline.results.case_result import AssertionResult, CaseResult, EvaluationError, TurnResult
from eval_pipeline.results.result_row import table_of
from eval_pipeline.results.usage import TokenUsage

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def an_assertion(
    name: str, *, passed: bool | None = True, score: float | None = None, broken: bool = False, **fields: Any
) -> AssertionResult:
    """One assertion result; by default the score follows from `passed`."""
    if score is None and passed is not None:
        score = float(passed)
    error = EvaluationError(name="E", message="m", traceback="t") if broken else None
    defaults: dict[str, Any] = {"type": "t", "turn": None, "weight": 1.0, "message": "because <b>so</b>"}
    return AssertionResult(name=name, passed=passed, score=score, error=error, **{**defaults, **fields})


def a_result(
    case_id: str = "c1", attempt: int = 1, *, status: Any = "passed", second: float = 0, **fields: Any
) -> CaseResult:
    """One result, begun `second` seconds after the others."""
    defaults: dict[str, Any] = {
        "suite": "sample",
        "experiment": "e",
        "variant": None,
        "split": "base",
        "tags": (),
        "score": None,
        "assertions": (),
        "turns": (TurnResult(index=0, input="<i>hi</i>", response="<script>x</script>", events=(), latency_s=0.5),),
        "latency_s": 0.5,
        "tokens": TokenUsage(input=10, output=2, cached=1),
        "cost_usd": None,
        "context_id": None,
        "dataset_version": "d",
        "target_version": "t",
        "fingerprint": "f",
        "started_at": START + dt.timedelta(seconds=second),
    }
    return CaseResult(case_id=case_id, attempt=attempt, status=status, **{**defaults, **fields})


def a_table(results: Sequence[CaseResult]) -> pa.Table:
    """Results as the result log returns them."""
    return table_of(results)
