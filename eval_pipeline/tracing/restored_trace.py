"""The trace of an attempt whose process died after its result was durable and before its trace was sent.

The row comes back as it would have been, with the scores and the shared part; what the agent did within a turn was in
the memory of the process and is gone. Ids are those of the result, so a trace that did arrive is not there twice.
Belongs here: making that trace. Does not belong here: knowing which are missing (`experiment/restoring.py`).
"""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from langsmith import RunTree

from eval_pipeline.evaluation.result import CaseResult
from eval_pipeline.tracing.case_root import complete_root
from eval_pipeline.tracing.case_trace import CaseTracer, TracedAttempt, attempt_labels
from eval_pipeline.tracing.run import Anchor, uuid7_millisecond

RESTORED = "restored_from_result"
"""The metadata that says so."""


def send_restored(tracer: CaseTracer, result: CaseResult, planned: Sequence[str]) -> bool:
    """Send the row of a finished attempt again. Returns whether it had one.

    Args:
        tracer: of the experiment.
        result: as it is stored, with the ids of its trace.
        planned: what the user was to say.
    """
    # One of a unified trace is no row.
    if result.run_id is None or result.run_id != result.trace_id:
        return False
    start = uuid7_millisecond(result.run_id)
    if start is None:
        return False
    labels = attempt_labels(tracer.labels, result)
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
        planned=planned,
        end_time=result.started_at + dt.timedelta(seconds=result.latency_s),
        metadata={**labels, **tracer.root_labels, RESTORED: True},
        tags=tracer.tags,
        redact=tracer.redact,
    )
    root["reference_example_id"] = str(tracer.experiment.example_id(result.case_id))
    below = Anchor.of(root)
    shared = tracer.shared.runs(result.case_id, below, labels, tracer.tags)
    traced = TracedAttempt(
        trace_id=below.trace_id,
        run_id=below.run_id,
        start_time=below.start_time,
        evaluator_run_id=None,
        runs=[root, *shared],
    )
    tracer.sender.send_runs([root])
    if shared:
        tracer.sender.send_runs(shared, graft=True)
    feedback = tracer.feedback(result, traced)
    if feedback:
        tracer.sender.send_feedback(feedback)
    return True
