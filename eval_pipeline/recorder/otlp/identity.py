"""The ids of runs that spans become."""

from uuid import UUID, uuid5


def trace_uuid(trace_id: str) -> UUID:
    """The id of a trace, and of its root run: the same 128 bits."""
    return UUID(trace_id)


def run_uuid(trace_id: str, span_id: str) -> UUID:
    """The id of the run of a span that is not the root."""
    return uuid5(trace_uuid(trace_id), span_id)
