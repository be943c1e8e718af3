"""Build the root run of a case's trace: inputs, answers, scores and errors of the attempt."""

import datetime as dt
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from langsmith import RunTree

from eval_pipeline.content.outputs import as_outputs
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.shape.fields import LIVE_FIELD_BYTES, Redact, capped
from eval_pipeline.tracing.shape.run import Anchor, complete_run


def complete_root(
    root: RunTree,
    result: CaseResult,
    *,
    inputs: Mapping[str, Any],
    end_time: dt.datetime,
    metadata: Mapping[str, Any],
    tags: Sequence[str],
    redact: Redact,
) -> dict[str, Any]:
    """The complete root run.

    Args:
        root: the run as it was started; in a unified trace it has a parent.
        result: the result of the attempt.
        inputs: of the case's example.
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
        inputs=capped(inputs, LIVE_FIELD_BYTES, redact=redact),
        outputs=capped(_outputs(result), LIVE_FIELD_BYTES, redact=redact),
        error=_error(result),
        tags=[*result.tags, *tags],
        metadata={
            **metadata,
            "split": result.split,
            "status": result.status,
            **({} if result.score is None else {"score": result.score, "scores": _scores(result)}),
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


def inputs_of_row(case: Case | None, result: CaseResult) -> dict[str, Any]:
    """The inputs of an attempt's row: those of the case's example, or what was sent where the case is gone."""
    sent = [turn.input for turn in result.turns]
    if case is None:
        return {"input": sent[0] if sent else "", "messages": sent}
    return case.example_inputs(sent)


def _outputs(result: CaseResult) -> dict[str, Any]:
    """What the target returned last, as LangSmith's `evaluate` shows it; of several answers in text, all of them."""
    turns = result.turns
    if not turns:
        return {}
    texts = [turn.response for turn in turns]
    several = len(turns) > 1 and all(turn.outputs == turn.response for turn in turns)
    return as_outputs(turns[-1].outputs) | ({"answers": texts} if several else {})


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
