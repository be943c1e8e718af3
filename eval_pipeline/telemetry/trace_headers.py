"""The headers with which a request of a target's continues the trace of its attempt on another server."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping

_provider: contextvars.ContextVar[Callable[[], Mapping[str, str]] | None] = contextvars.ContextVar(
    "trace_headers", default=None
)


def trace_headers() -> dict[str, str]:
    """`langsmith-trace` and `baggage` of the run that is current here; none where the attempt is not traced.

    A server whose code reads them (`langsmith.RunTree.from_headers`, or `configurable` of a LangGraph deployment) adds
    its runs to the attempt's trace.
    """
    provider = _provider.get()
    return {} if provider is None else dict(provider())


@contextlib.contextmanager
def trace_headers_from(provider: Callable[[], Mapping[str, str]]) -> Iterator[None]:
    """Within it, and in tasks and threads that it starts, `trace_headers` returns what `provider` returns."""
    token = _provider.set(provider)
    try:
        yield
    finally:
        _provider.reset(token)
