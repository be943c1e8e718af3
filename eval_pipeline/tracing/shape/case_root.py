"""Build the root run of a case's trace: inputs, answers, scores and errors of the attempt."""

import datetime as dt
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from langsmith import RunTree

from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.tracing.shape.fields import LIVE_FIELD_BYTES, Redact, capped
from eval_pipeline.tracing.shape.run import Anchor, complete_run


def complete_root(
    root: RunTree,
    result: CaseResult,
    *,
    planned: Sequence[str],
    end_time: dt.datetime,
    metadata: Mapping[str, Any],
    tags: Sequence[str],
    redact: Redact,
) -> dict[str, Any]:
    """The complete root run.

    Args:
        root: the run as it was started; in a unified trace it has a parent.
        result: the result of the attempt.
        planned: the user's messages in the case.
        end_time: when the attempt ended.
        metadata: besides the result's.
        tags: besides the case's own.
        redact: applied to a field that is too long, before it is cut.
    """
    return complete_run(
        run_id=str(root.id),
        below=_parent(root),
        name=root.name,
        run_type="chain",
        start_time=root.start_time,
        end_time=max(end_time, root.start_time),
        session_name=str(root.session_name),
        inputs=capped(_inputs(result, planned), LIVE_FIELD_BYTES, redact=redact),
        outputs=capped(_outputs(result), LIVE_FIELD_BYTES, redact=redact),
        error=_error(result),
        tags=[*result.tags, *tags],
        metadata={
            **metadata,
            "split": result.split,
            "status": result.status,
            **({"variant": result.variant} if result.variant is not None else {}),
        },
    )


def _parent(root: RunTree) -> Anchor | None:
    if root.parent_run_id is None:
        return None
    return Anchor(
        run_id=str(root.parent_run_id),
        trace_id=str(root.trace_id),
        dotted_order=root.dotted_order.rpartition(".")[0],
        start_time=root.start_time,
        session_name=str(root.session_name),
    )


def _inputs(result: CaseResult, planned: Sequence[str]) -> dict[str, Any]:
    # A recording has the user's messages itself; an attempt that failed early has only some of them.
    sent = [turn.input for turn in result.turns]
    messages = sent if len(sent) >= len(planned) else [*planned]
    return {"input": messages[0] if messages else "", "messages": messages}


def _outputs(result: CaseResult) -> dict[str, Any]:
    answers = [turn.response for turn in result.turns]
    return {
        "response": answers[-1] if answers else "",
        "answers": answers,
        "score": result.score,
        "status": result.status,
        "scores": _scores(result),
    }


def _scores(result: CaseResult) -> dict[str, float | None]:
    """The score of each metric: the mean of its assertions' scores, without those that have none."""
    by_metric: dict[str, list[float]] = {assertion.name: [] for assertion in result.assertions}
    for assertion in result.assertions:
        if assertion.score is not None:
            by_metric[assertion.name].append(assertion.score)
    return {name: fmean(scores) if scores else None for name, scores in by_metric.items()}


def _error(result: CaseResult) -> str | None:
    if result.status != "error":
        return None
    errors = [result.error, *(assertion.error for assertion in result.assertions)]
    error = next((each for each in errors if each is not None), None)
    return "error" if error is None else f"{error.name}: {error.message}\n\n{error.traceback}".rstrip()
