"""Beginning an experiment: its record is written, and with it the headers of its one trace where it has one.

Belongs here: that order, for whoever begins one. Does not belong here: what the record pins (`record.py`), and where a
run of Dagster takes it from (`assets/pinning.py`).
"""

from eval_pipeline.experiment.evaluator import context_of
from eval_pipeline.experiment.record import ExperimentRecord, pin_experiment
from eval_pipeline.experiment.tracing_run import unified_trace
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.settings import LangSmithSettings
from eval_pipeline.tracing.unified import UnifiedTrace


def begin_experiment(
    store: Store, suite: Suite, wanted: ExperimentRecord, *, settings: LangSmithSettings, cases: int, run_id: str
) -> tuple[ExperimentRecord, UnifiedTrace | None]:
    """Begin the experiment that `wanted` describes, or join it if another run was faster.

    Returns:
        The record that counts, and the experiment's one trace if this run is the one that begins it.

    Raises:
        ExperimentConflictError: it was begun with something else.
        MissingUpstreamError: its context is gone.
        InputError: it is too large for one trace.
    """
    # A context that cannot be opened is found before there is an experiment without results.
    begun = unified_trace(settings, wanted, context_of(suite, store, wanted), cases=cases, run_id=run_id)
    if begun is not None:
        wanted = wanted.model_copy(update={"trace_headers": begun.headers})
    pinned = pin_experiment(store, wanted)
    return pinned, begun if pinned.trace_headers == wanted.trace_headers else None
