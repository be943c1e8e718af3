"""Counting the tokens of model calls that are traced as runs, and stating in a trace what was counted."""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from eval_pipeline.langsmith.protocol.usage import RunUsage, usage_of
from eval_pipeline.runs.collected_run import CollectedRun


class CallCounter(Protocol):
    """Counts model calls, each once."""

    def count_traced(
        self, run_id: str, around: Sequence[str], usage: Callable[[], RunUsage | None], *, model: str
    ) -> None:
        """Count the model call of a run that ended, unless it is counted already.

        Args:
            run_id: of the run.
            around: the ids of the runs around it.
            usage: returns what the run states; None if it states nothing.
            model: its name, if it is known.
        """

    def stated(self, run_id: str) -> Mapping[str, Any] | None:
        """The `usage_metadata` that a trace states of a run; None leaves the run as it is."""


_counters: contextvars.ContextVar[tuple[CallCounter, ...]] = contextvars.ContextVar("call_counters", default=())


@contextlib.contextmanager
def counting_runs(counter: CallCounter) -> Iterator[None]:
    """Within it, `counter` counts the model calls that are traced, beside the counters around it."""
    token = _counters.set((*_counters.get(), counter))
    try:
        yield
    finally:
        _counters.reset(token)


def call_counters() -> tuple[CallCounter, ...]:
    """What counts the calls made here, the outermost first."""
    return _counters.get()


def count_call(run: CollectedRun, counters: Sequence[CallCounter]) -> None:
    """Count the tokens of a model call that ended."""
    named = {**(run.extra.get("invocation_params") or {}), **(run.extra.get("metadata") or {})}
    model = str(named.get("ls_model_name") or named.get("model") or "")
    for counter in counters:
        counter.count_traced(run.id, run.parent_ids, functools.partial(_usage, run), model=model)


def state_usage(runs: Sequence[CollectedRun], counter: CallCounter) -> None:
    """Let each model call's run state what was counted of it, so that a trace sums to the same tokens."""
    for run in runs:
        if run.run_type == "llm" and (stated := counter.stated(run.id)) is not None:
            run.extra = {**run.extra, "metadata": {**(run.extra.get("metadata") or {}), "usage_metadata": stated}}


def _usage(run: CollectedRun) -> RunUsage | None:
    return usage_of(run.extra, None if run.outputs is None else orjson.loads(run.outputs))
