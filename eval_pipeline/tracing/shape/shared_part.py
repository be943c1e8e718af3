"""Choosing how the traces of an experiment show its shared context."""

from collections.abc import Mapping

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.settings import TraceMode
from eval_pipeline.tracing.shape.graft import Timing
from eval_pipeline.tracing.shape.modes import Bare, Grafted, Linked, SharedPart
from eval_pipeline.tracing.shape.replica import Origin
from eval_pipeline.tracing.shape.shared_spans import SharedSpans
from eval_pipeline.tracing.shape.unified import Unified


def shared_part(
    mode: TraceMode,
    context: SharedContext | None,
    *,
    origin: Origin,
    timing: Timing = "instant",
    headers: Mapping[str, str] | None = None,
) -> SharedPart:
    """How traces begin in `mode`.

    A snapshot that was built without a trace is referred to instead of copied; without a context there is nothing.

    Args:
        mode: as configured.
        context: the snapshot of the experiment.
        origin: where its own trace is, and how copies are made.
        timing: of copies.
        headers: for `unified`, those of the experiment's record.

    Raises:
        InputError: `unified` without headers to join by.
    """
    trace = None if context is None else context.trace
    spans = None if trace is None else SharedSpans(trace)
    if mode == "unified":
        return Unified(headers=headers or {}, spans=spans, origin=origin)
    if mode == "grafted" and spans is not None:
        return Grafted(spans=spans, origin=origin, timing=timing)
    if context is None:
        return Bare()
    root = None if spans is None else spans.root
    url = origin.url(root.id) if root is not None and origin.url is not None else None
    digests = {name: part.sha256 for name, part in context.manifest.parts.items()}
    return Linked(context_id=context.id, url=url, digests=digests)
