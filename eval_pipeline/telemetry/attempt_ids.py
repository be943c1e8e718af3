"""The ids by which the runs of an attempt refer to its example and to its shared context."""

import contextlib
import contextvars
from collections.abc import Iterator, Mapping

_current: contextvars.ContextVar[Mapping[str, str] | None] = contextvars.ContextVar("attempt_ids", default=None)


def attempt_ids() -> dict[str, str]:
    """`example_id` and, where the suite has a shared context, `shared_ctx_id`; empty outside of an attempt."""
    return dict(_current.get() or {})


@contextlib.contextmanager
def use_attempt_ids(*, example_id: str, shared_ctx_id: str | None) -> Iterator[None]:
    """Within it, and in tasks and threads that it starts, `attempt_ids` returns these."""
    ids = {"example_id": example_id}
    if shared_ctx_id is not None:
        ids["shared_ctx_id"] = shared_ctx_id
    token = _current.set(ids)
    try:
        yield
    finally:
        _current.reset(token)
