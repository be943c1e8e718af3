"""Send the rows of attempts that were not traced while they ran, from their results.

    restored   the process died after the result was durable and before its trace was sent
    reused     the result is one of an earlier experiment, which has its trace

The row has the same fields as any other, with the scores and, if restored, the shared context. The runs within a turn
are lost with the process, or are in the trace of the earlier experiment.
"""

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from langsmith import RunTree, uuid7_from_datetime

from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.case import Case
from eval_pipeline.tracing.shape.case_root import complete_root, inputs_of_row
from eval_pipeline.tracing.shape.case_trace import CaseTracer, TracedAttempt, attempt_labels
from eval_pipeline.tracing.shape.run import Anchor, uuid7_millisecond

RESTORED, REUSED_FROM, REUSED_TRACE = "restored_from_result", "carried_from_experiment", "carried_from_trace"
"""Metadata of such rows."""


def send_restored(tracer: CaseTracer, result: CaseResult, case: Case | None) -> bool:
    """Send the row of a finished attempt again, under its ids; returns whether it had one.

    Args:
        tracer: of the experiment.
        result: as it is stored, with the ids of its trace.
        case: that was evaluated; None if it is gone.
    """
    # An attempt of a unified trace is no row.
    start = uuid7_millisecond(result.run_id or "") if result.run_id == result.trace_id else None
    if start is None:
        return False
    _send_row(tracer, result, case, start, {RESTORED: True, **_origin(result)}, shared=result.reused_from is None)
    return True


def with_row(tracer: CaseTracer, result: CaseResult, case: Case) -> CaseResult:
    """Give a reused result a row of its own in this experiment, which is sent when the result is durable.

    Args:
        tracer: of the experiment.
        result: with the experiment that it is reused from.
        case: that was evaluated.
    """
    start = dt.datetime.now(tz=dt.UTC)
    run_id = str(uuid7_from_datetime(start))
    traced = replace(result, run_id=run_id, trace_id=run_id, trace_url=tracer.url_of(run_id, run_id))
    send = functools.partial(_send_row, tracer, traced, case, start, _origin(result), shared=False)
    if tracer.outbox is None:
        send()
    else:
        tracer.outbox.put(run_id, send)
    return traced


def _origin(result: CaseResult) -> dict[str, Any]:
    earlier = result.reused_from
    return {} if earlier is None else {REUSED_FROM: earlier.experiment, REUSED_TRACE: earlier.trace_url}


def _send_row(
    tracer: CaseTracer,
    result: CaseResult,
    case: Case | None,
    start: dt.datetime,
    metadata: Mapping[str, Any],
    *,
    shared: bool,
) -> None:
    labels = attempt_labels(tracer, result)
    root = complete_root(
        RunTree(
            name=result.case_id,
            id=UUID(result.run_id),
            start_time=start,
            session_name=tracer.experiment.name,
            ls_client=tracer.client,
            replicas=[],
        ),
        result,
        inputs=inputs_of_row(case, result),
        end_time=start + dt.timedelta(seconds=result.latency_s),
        metadata={**labels, **tracer.root_labels, **metadata},
        tags=[*tracer.tags, *tracer.root_tags],
        redact=tracer.redact,
    )
    root["reference_example_id"] = tracer.example_id(result.case_id)
    below = Anchor.of(root)
    copies = tracer.shared.runs(result.case_id, below, labels, tracer.tags) if shared else []
    traced = TracedAttempt(
        trace_id=below.trace_id,
        run_id=below.run_id,
        start_time=below.start_time,
        evaluator_run_id=None,
        runs=[root, *copies],
    )
    tracer.sender.send_runs([root])
    if copies:
        tracer.sender.send_runs(copies, graft=True)
    feedback = tracer.feedback(result, traced)
    if feedback:
        tracer.sender.send_feedback(feedback)
