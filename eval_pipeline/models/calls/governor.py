"""What governs the model calls of a run, as the calls see it: somebody the run sets, or nobody."""

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
    """What identifies it in a hash: its name, and for one of the user's own a digest of its source as well."""
    endpoint: str
    """The kind of model and the address it is called at."""
    account: str = ""
    """A digest of the key. Models of equal endpoint and account share a provider's limits."""


class Lease(Protocol):
    """Leave to make one try of one call. Every lease is settled once, whether it was acquired or not."""

    def acquire(self) -> None:
        """Wait until the call may begin, in a thread."""

    async def aacquire(self) -> None:
        """Wait until the call may begin."""

    def used(self, tokens: int) -> None:
        """The call took so many tokens; not told where the provider does not say."""

    def settle(self, error: BaseException | None) -> None:
        """The try is over; what was acquired is free again."""


class Governor(Protocol):
    """What a run sets over its model calls."""

    max_retries: int
    """Tries after the first."""

    def cache(self, model: CalledModel) -> BaseCache | None:
        """Where answers are looked up; None: nowhere."""

    def lease(self, model: CalledModel) -> Lease:
        """Ask leave for one try."""

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered in this run."""

    def gave_up(self, model: CalledModel, error: BaseException) -> None:
        """No further try of a call is made.

        Raises:
            InfrastructureError: no other call to `model` can succeed either.
        """

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Around a wait that is the provider's fault, and not the target's."""


_current: contextvars.ContextVar[Governor | None] = contextvars.ContextVar("governor", default=None)


def current_governor() -> Governor | None:
    """What governs calls made here; None outside a run."""
    return _current.get()


@contextlib.contextmanager
def governed_by(governor: Governor) -> Iterator[None]:
    """Within it, model calls are governed by `governor`; threads and tasks begun within it as well."""
    token = _current.set(governor)
    try:
        yield
    finally:
        _current.reset(token)
