"""One run's seat among all that call one account: its pace and its share of the calls in flight.

While the ledger is away the seat goes on by itself: at the account's rates divided by the number of members it heard
of last, and with the share it had. One that never heard of any takes a tenth.
"""

import asyncio
import threading
import time
import uuid
from concurrent.futures import Executor

from eval_pipeline.models.limits.fleet.connection import Line
from eval_pipeline.models.limits.fleet.ledger import Booking
from eval_pipeline.models.limits.fleet.sharing import Claim
from eval_pipeline.models.limits.pace import LocalPacer, Rates, seconds_each

UNKNOWN_MEMBERS = 10
"""How many there are taken to be by one that never heard."""


class Seat:
    """The pacer of one endpoint in one run that shares it with others."""

    def __init__(
        self, line: Line, account: str, rates: Rates, *, limit: int | None, ceiling: int, executor: Executor
    ) -> None:
        """`limit` is of the calls in flight of all members, `ceiling` of this one's."""
        self._line, self._account, self._rates, self._executor = line, account, rates, executor
        self._limit, self._ceiling = limit, ceiling
        self._member = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._owed_s, self._latest_due = 0.0, 0.0
        self._members: int | None = None
        self._alone: LocalPacer | None = None
        self.share = ceiling if limit is None else 0
        """Calls it may have in flight."""

    def reserve(self, tokens: float) -> float:
        """Book one request that will take about `tokens`, in a thread. Returns the seconds to wait."""
        now = time.monotonic()
        with self._lock:
            owed, self._owed_s = self._owed_s, 0.0
            due_s = max(0.0, self._latest_due - now)
        request_s, token_s = seconds_each(self._rates)
        booking = Booking(request_s=request_s, tokens_s=tokens * token_s, owed_s=owed, not_before_s=due_s)
        waits = self._line.ask(lambda ledger: ledger.reserve(self._account, booking))
        with self._lock:
            if waits is None:
                self._owed_s += owed
                waits = self._by_itself(due_s).reserve(tokens)
                self._line.count_missed()
            else:
                self._alone = None
            self._latest_due = max(self._latest_due, time.monotonic() + waits)
        return waits

    async def areserve(self, tokens: float) -> float:
        """Book one request, on an event loop, which goes on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.reserve, tokens)

    def settle(self, tokens: float) -> None:
        """A request that was booked took so many tokens more; told to the ledger with the next booking."""
        with self._lock:
            if self._alone is None:
                self._owed_s += tokens * seconds_each(self._rates)[1]
            else:
                self._alone.settle(tokens)

    def hold(self, seconds: float) -> None:
        """The provider does not want to be asked for so long: nobody of the fleet asks. Returns at once."""
        self._executor.submit(self._line.ask, lambda ledger: ledger.hold(self._account, seconds))

    def beat(self, *, in_flight: int, wanted: int) -> float:
        """Say that this member is still there, and hear what its share is.

        Returns:
            Seconds for which the provider does not want to be asked.
        """
        # What it may begin before it hears the answer is held as well.
        claim = Claim(held=max(in_flight, self.share), wanted=wanted, ceiling=self._ceiling)
        standing = self._line.ask(lambda ledger: ledger.beat(self._account, self._member, claim, limit=self._limit))
        if standing is not None:
            self._members, self.share = standing.members, standing.share
            return standing.held_s
        if self._members is None and self._limit is not None:
            self.share = min(self._ceiling, max(1, self._limit // UNKNOWN_MEMBERS))
        return 0.0

    def leave(self) -> None:
        """The run is over."""
        self._line.ask(lambda ledger: ledger.leave(self._account, self._member))

    def _by_itself(self, due_s: float) -> LocalPacer:
        if self._alone is None:
            parts = self._members or UNKNOWN_MEMBERS
            per_minute = (self._rates.requests_per_minute, self._rates.tokens_per_minute)
            requests, tokens = (None if found is None else found / parts for found in per_minute)
            self._alone = LocalPacer(
                Rates(requests_per_minute=requests, tokens_per_minute=tokens),
                begins_in_s=due_s,
            )
        return self._alone
