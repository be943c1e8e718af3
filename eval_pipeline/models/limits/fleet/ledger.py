"""What a fleet shares about a provider's account: when it may be called next, and who may have how many calls.

Times are those of the ledger's own clock, so that no process's clock has to be right.
"""

from dataclasses import dataclass
from typing import Protocol

from eval_pipeline.errors import InputError, Problem, TransientError
from eval_pipeline.models.limits.fleet.sharing import Claim
from eval_pipeline.settings import LIMITS_VARIABLE, PipelineSettings

MEMBER_LIVES_S = 15.0
"""Seconds without a heartbeat after which a member is gone, and others get what it held."""
KEPT_S = 3600
"""Seconds that pace and holds are kept after they have expired."""
SPENDING_KEPT_S = 30 * 24 * 3600
"""Seconds after its last call that the spending of an experiment is kept."""
ANSWERS_WITHIN_S = 2.0
"""Seconds after which a ledger that does not answer counts as unavailable."""
_REDIS = ("redis", "rediss", "unix")
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg2")


class LedgerUnavailableError(TransientError):
    """The ledger cannot be reached, or does not answer."""


@dataclass(frozen=True, kw_only=True)
class Booking:
    """One request, as seconds of the account's time: the generic cell rate algorithm needs nothing else."""

    request_s: float
    """A minute divided by the requests that it may hold; 0 without a limit."""
    tokens_s: float
    """The request's tokens, times a minute divided by the tokens that it may hold."""
    owed_s: float = 0.0
    """What earlier requests took more than they were booked with; negative: less."""
    not_before_s: float = 0.0
    """Seconds from now until the member's latest booking is due, for a ledger that has lost its data."""


@dataclass(frozen=True, kw_only=True)
class HeartbeatReply:
    """The ledger's answer to a heartbeat."""

    share: int
    """Calls that the member may have in flight."""
    members: int
    """How many members there are, this one included."""
    held_s: float
    """Seconds for which the provider asked one of them not to send calls."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Tokens and money spent by a run, or by all runs of an experiment."""

    tokens: int = 0
    cost_usd: float = 0.0


class Ledger(Protocol):
    """A server that holds shared limits. It is called from threads; every method raises `LedgerUnavailableError`."""

    kind: str
    """Its name in reports, without its address, which may hold a password."""

    def reserve(self, account: str, booking: Booking) -> float:
        """Book the next request. Returns the seconds to wait before it is sent."""

    def hold(self, account: str, seconds: float) -> None:
        """Send no call to the account for so many seconds, as the provider asked."""

    def heartbeat(self, account: str, member: str, claim: Claim, *, limit: int | None) -> HeartbeatReply:
        """Keep `member` alive. `limit`: the most calls in flight of all members; None: no limit."""

    def leave(self, account: str, member: str) -> None:
        """Remove `member`; others get what it held."""

    def spend(self, experiment: str, spending: Spending) -> Spending:
        """Add to the spending of `experiment`, and return its sum."""

    def close(self) -> None:
        """Close connections."""


def ledger_from_environment() -> Ledger | None:
    """The ledger that `EVAL_PIPELINE_LIMITS` names; None where it is not set. Nothing is connected yet.

    Raises:
        InputError: it names no ledger, or the client's package is not installed.
    """
    url = PipelineSettings.from_environment().limits
    return None if url is None else open_ledger(url.get_secret_value())


def open_ledger(url: str) -> Ledger:
    """The ledger at `url`. Raises as `ledger_from_environment` does."""
    scheme = url.partition("://")[0].lower()
    if scheme not in _REDIS + _POSTGRES:
        # Not the value: it may hold a password.
        raise _problem("it names no backend that can hold limits", "write redis://… or postgresql://…")
    try:
        if scheme in _REDIS:
            from eval_pipeline.models.limits.fleet.redis_ledger import RedisLedger  # noqa: PLC0415

            return RedisLedger(url)
        from eval_pipeline.models.limits.fleet.postgres_ledger import PostgresLedger  # noqa: PLC0415

        return PostgresLedger(url)
    except ImportError as error:
        extra = "redis" if scheme in _REDIS else "postgres"
        raise _problem(f"{error.name} is not installed", f"pip install 'eval_pipeline[{extra}]'") from error
    except ValueError as error:
        raise _problem("its URL cannot be read", "write redis://host:port/0 or postgresql://user@host/db") from error


def _problem(message: str, fix: str) -> InputError:
    return InputError(Problem(message=message, fix=fix, field=LIMITS_VARIABLE))
