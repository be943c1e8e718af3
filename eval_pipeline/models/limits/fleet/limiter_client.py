"""One run's client of the limits that all processes share for one account: its pace and its share of calls in flight.

While the ledger cannot be reached the client keeps to a part: the account's rates divided by the members it last
heard of, and the share it had. A client that never reached the ledger assumes `UNKNOWN_MEMBERS`.
"""

import asyncio
import threading
import time
import uuid
from concurrent.futures import Executor

from eval_pipeline.models.limits.fleet.connection import LedgerConnection
from eval_pipeline.models.limits.fleet.ledger import Booking
from eval_pipeline.models.limits.fleet.sharing import Claim
from eval_pipeline.models.limits.pace import LocalPacer, Rates, seconds_each

UNKNOWN_MEMBERS = 10
"""How many members a client assumes that has not reached the ledger yet."""


class LimiterClient:
    """The pacer of one endpoint in one run that shares it with others."""

    def __init__(
        self,
        connection: LedgerConnection,
        account: str,
        rates: Rates,
        *,
        limit: int | None,
        ceiling: int,
        executor: Executor,
    ) -> None:
        """`limit` is the most calls in flight of all members, `ceiling` of this one."""
        self._connection, self._account, self._rates, self._executor = connection, account, rates, executor
        self._limit, self._ceiling = limit, ceiling
        self._member = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._owed_s, self._latest_due = 0.0, 0.0
        self._members: int | None = None
        self._alone: LocalPacer | None = None
        """The pacer that is used while the ledger cannot be reached."""
        self.share = ceiling if limit is None else 0
        """Calls that it may have in flight."""

    def reserve(self, tokens: float) -> float:
        """Book one request that will take about `tokens`, in a thread. Returns the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            owed, self._owed_s = self._owed_s, 0.0
            due_s = max(0.0, self._latest_due - now)
        request_s, token_s = seconds_each(self._rates)
        booking = Booking(request_s=request_s, tokens_s=tokens * token_s, owed_s=owed, not_before_s=due_s)
        waits = self._connection.ask(lambda ledger: ledger.reserve(self._account, booking))
        with self._lock:
            if waits is None:
                self._owed_s += owed
                waits = self._local_pacer(due_s).reserve(tokens)
                self._connection.count_missed()
            else:
                self._alone = None
            self._latest_due = max(self._latest_due, time.monotonic() + waits)
        return waits

    async def areserve(self, tokens: float) -> float:
        """Book one request without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.reserve, tokens)

    def settle(self, tokens: float) -> None:
        """Correct a booking by `tokens`; the ledger gets the correction with the next booking."""
        with self._lock:
            if self._alone is None:
                self._owed_s += tokens * seconds_each(self._rates)[1]
            else:
                self._alone.settle(tokens)

    def hold(self, seconds: float) -> None:
        """Have no member send calls for so many seconds, as the provider asked. Returns at once."""
        self._executor.submit(self._connection.ask, lambda ledger: ledger.hold(self._account, seconds))

    def heartbeat(self, *, in_flight: int, demand: int) -> float:
        """Keep this member alive, and update its share.

        Returns:
            Seconds for which the provider asked that no call is sent.
        """
        # Calls that it may begin before the reply arrives are held as well.
        claim = Claim(held=max(in_flight, self.share), demand=demand, ceiling=self._ceiling)
        reply = self._connection.ask(
            lambda ledger: ledger.heartbeat(self._account, self._member, claim, limit=self._limit)
        )
        if reply is not None:
            self._members, self.share = reply.members, reply.share
            return reply.held_s
        if self._members is None and self._limit is not None:
            self.share = min(self._ceiling, max(1, self._limit // UNKNOWN_MEMBERS))
        return 0.0

    def leave(self) -> None:
        """End this member's part in the fleet."""
        self._connection.ask(lambda ledger: ledger.leave(self._account, self._member))

    def _local_pacer(self, due_s: float) -> LocalPacer:
        if self._alone is None:
            parts = self._members or UNKNOWN_MEMBERS
            per_minute = (self._rates.requests_per_minute, self._rates.tokens_per_minute)
            requests, tokens = (None if rate is None else rate / parts for rate in per_minute)
            self._alone = LocalPacer(
                Rates(requests_per_minute=requests, tokens_per_minute=tokens),
                begins_in_s=due_s,
            )
        return self._alone
