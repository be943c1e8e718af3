"""Put the failed attempts of an experiment into an annotation queue for human review."""

from dataclasses import dataclass

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.langsmith.ids import queue_id
from eval_pipeline.results.case_result import NOT_PASSED
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store
from eval_pipeline.tracing.experiment.trace_status import read_traced


@dataclass(frozen=True, kw_only=True)
class AnnotationResult:
    """What `annotate` did."""

    queue: str
    url: str
    failing: int
    """Traced attempts that did not pass."""
    added: int
    in_queue: int
    """Attempts that were in the queue before."""
    missing: int
    """Attempts that are not on the server, such as those whose trace waits on disk."""


def annotate(
    store: Store, suite: str, experiment: str, server: FeedbackServer, *, queue: str, limit: int
) -> AnnotationResult:
    """Put the runs of attempts that did not pass into a queue, unless it has them.

    Raises:
        InputError: the experiment was not traced.
        CredentialsError: the server refuses the key.
        TransientError: the server or the store is unreachable.
    """
    sessions = dict.fromkeys(traced.session_id for traced in read_traced(store, suite, experiment))
    if not sessions:
        fix = "evaluate with tracing on (EVAL_PIPELINE_TRACING)"
        raise InputError(Problem(message=f"the experiment {experiment} was not traced", fix=fix))
    rows = read_results(store, suite, experiment, columns=["status", "run_id"]).to_pylist()
    failing = [row["run_id"] for row in rows if row["status"] in NOT_PASSED and row["run_id"] is not None]
    description = f"Cases of the suite {suite} that did not pass."
    identity = server.queue(queue, identity=queue_id(suite, queue), description=description)
    queued = server.queued(identity)
    new = [run_id for run_id in failing if run_id not in queued][:limit]
    runs = [run for session in sessions for run in server.runs(session, new)] if new else []
    order = {run_id: number for number, run_id in enumerate(new)}
    server.enqueue(identity, sorted(runs, key=lambda run: order[str(run.id)]))
    urls = server.connection.urls
    return AnnotationResult(
        queue=queue,
        url=f"{urls.web_url}/o/{urls.tenant_id}/annotation-queues/{identity}",
        failing=len(failing),
        added=len(runs),
        in_queue=sum(run_id in queued for run_id in failing),
        missing=len(new) - len(runs),
    )
