"""What a fleet keeps in common about a provider's account: when it may be asked next, and who has how many calls.

Times are those of the backend's clock, so that nobody's own has to be right.
"""

from dataclasses import dataclass
from typing import Protocol

from eval_pipeline.errors import TransientError
from eval_pipeline.models.limits.fleet.sharing import Claim

MEMBER_LIVES_S = 15.0
"""Seconds after which a member that says nothing is gone, and others get what it held."""
KEPT_S = 3600
"""Seconds that pace and holds are kept after they mean something."""
SPENT_KEPT_S = 30 * 24 * 3600
"""Seconds after its last call that the sums of an experiment are kept."""
ANSWERS_WITHIN_S = 2.0
"""Seconds after which a backend that does not answer is away."""


class LedgerAwayError(TransientError):
    """The backend cannot be reached, or does not answer."""


@dataclass(frozen=True, kw_only=True)
class Booking:
    """One request, as the time it takes of the account's: the generic cell rate algorithm knows nothing else."""

    request_s: float
    """A minute divided by the requests that it may hold; 0 without a limit."""
    tokens_s: float
    """The request's tokens, times a minute divided by the tokens that it may hold."""
    owed_s: float = 0.0
    """What earlier requests took more than they were booked with; negative: less."""
    not_before_s: float = 0.0
    """From now: when the member's latest booking is due. It matters to a backend that has lost its memory."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a member hears when it says that it is still there."""

    share: int
    """Calls it may have in flight."""
    members: int
    """How many there are, itself included."""
    held_s: float
    """Seconds for which the provider does not want to be asked, as any of them was told."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Tokens and money, or the sums of all."""

    tokens: int = 0
    cost_usd: float = 0.0


class Ledger(Protocol):
    """A backend. It is called from threads, and every method raises `LedgerAwayError`."""

    kind: str
    """What it is, for people; no address, which may hold a password."""

    def reserve(self, account: str, booking: Booking) -> float:
        """Book the next request. Returns the seconds to wait before it is sent."""

    def hold(self, account: str, seconds: float) -> None:
        """The provider does not want to be asked for so long."""

    def beat(self, account: str, member: str, claim: Claim, *, limit: int | None) -> Standing:
        """Say that `member` is still there. `limit` is of the calls in flight of all; None: there is none."""

    def leave(self, account: str, member: str) -> None:
        """`member` is gone; others get what it held."""

    def spend(self, experiment: str, spent: Spent) -> Spent:
        """Add to the sums of `experiment`. Returns them."""

    def close(self) -> None:
        """Let go of connections."""
