"""The interface through which a run governs its model calls; outside a run nothing does."""

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from langchain_core.caches import BaseCache


@dataclass(frozen=True, kw_only=True)
class CalledModel:
    """Which model is called, and where."""

    name: str
    """As the suite writes it."""
    version: str
    """What identifies it in a hash: its name, and for the user's own model a digest of its source as well."""
    endpoint: str
    """The model's class and address."""
    account: str = ""
    """A digest of the key. Models with the same endpoint and account share a provider's limits."""


class Lease(Protocol):
    """Permission for one try of one call. Every lease is settled once, whether it was acquired or not."""

    def acquire(self) -> None:
        """Wait until the call may begin, in a thread."""

    async def aacquire(self) -> None:
        """Wait until the call may begin."""

    def used(self, tokens: int) -> None:
        """Record the tokens that the call took; not called if the provider reports none."""

    def settle(self, error: BaseException | None) -> None:
        """End the try, and free what was acquired."""


class Governor(Protocol):
    """How a run governs its model calls."""

    max_retries: int
    """Tries after the first."""

    def cache(self, model: CalledModel) -> BaseCache | None:
        """The cache of `model`'s answers; None: answers are not cached."""

    def lease(self, model: CalledModel) -> Lease:
        """A lease for one try."""

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered in this run."""

    def gave_up(self, model: CalledModel, error: BaseException) -> None:
        """Record a call that is not retried.

        Raises:
            InfrastructureError: no other call to `model` can succeed either.
        """

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Around a wait that the provider causes, and not the target."""


_current: contextvars.ContextVar[Governor | None] = contextvars.ContextVar("governor", default=None)


def current_governor() -> Governor | None:
    """The governor of calls made here; None outside a run."""
    return _current.get()


@contextlib.contextmanager
def governed_by(governor: Governor) -> Iterator[None]:
    """Within it, `governor` governs model calls, also those of threads and tasks begun within it."""
    token = _current.set(governor)
    try:
        yield
    finally:
        _current.reset(token)
