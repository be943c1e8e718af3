"""Failing cases of an experiment, put into an annotation queue for people to look at."""

from dataclasses import dataclass

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.feedback import FeedbackServer, queue_id
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store
from eval_pipeline.tracing.experiment.trace_status import read_traced

_FAILING = ("failed", "error")


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """What came of it."""

    queue: str
    url: str
    failing: int
    """Attempts that did not pass, and are traced."""
    added: int
    already: int
    """In the queue before."""
    not_there: int
    """Not at the server, such as those that wait on disk."""


def annotate(store: Store, suite: str, experiment: str, server: FeedbackServer, *, queue: str, limit: int) -> Annotated:
    """Put the rows of attempts that did not pass into a queue; one that is there is left alone.

    Raises:
        InputError: the experiment was not traced.
        CredentialsError: the server refuses the key.
        TransientError: the server, or the store, is away.
    """
    sessions = dict.fromkeys(traced.session_id for traced in read_traced(store, suite, experiment))
    if not sessions:
        fix = "evaluate with tracing on (EVAL_PIPELINE_TRACING)"
        raise InputError(Problem(message=f"the experiment {experiment} was not traced", fix=fix))
    rows = read_results(store, suite, experiment, columns=["status", "run_id"]).to_pylist()
    failing = [row["run_id"] for row in rows if row["status"] in _FAILING and row["run_id"] is not None]
    description = f"Cases of the suite {suite} that did not pass."
    found = server.queue(queue, identity=queue_id(suite, queue), description=description)
    there = server.queued(found)
    wanted = [run_id for run_id in failing if run_id not in there][:limit]
    runs = [run for session in sessions for run in server.runs(session, wanted)] if wanted else []
    place = {run_id: number for number, run_id in enumerate(wanted)}
    server.enqueue(found, sorted(runs, key=lambda run: place[str(run.id)]))
    urls = server.connection.urls
    return Annotated(
        queue=queue,
        url=f"{urls.web_url}/o/{urls.tenant_id}/annotation-queues/{found}",
        failing=len(failing),
        added=len(runs),
        already=sum(run_id in there for run_id in failing),
        not_there=len(wanted) - len(runs),
    )
