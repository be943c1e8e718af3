"""Whether a trace is in the sample that is sent."""

from hashlib import blake2b


def is_sampled(trace_id: str | None, rate: float) -> bool:
    """Whether a trace is in the sample: the same answer in every process, for all of its runs and scores."""
    if trace_id is None:
        return True
    hashed = int.from_bytes(blake2b(str(trace_id).lower().encode(), digest_size=8).digest(), "big")
    return hashed < rate * 2**64
