"""The fleet as one run sees it: its limiter clients, its shared budget, and the thread that sends heartbeats."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from eval_pipeline.models.budget import Budget
from eval_pipeline.models.limits.fleet.connection import LedgerConnection
from eval_pipeline.models.limits.fleet.ledger import Ledger, Spending
from eval_pipeline.models.limits.fleet.limiter_client import LimiterClient
from eval_pipeline.models.limits.pace import Rates

HEARTBEAT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class FleetMember:
    """A limiter client, and the limiter that it serves."""

    client: LimiterClient
    demand: Callable[[], tuple[int, int]]
    """Calls in flight, and those together with the ones that wait."""
    on_heartbeat: Callable[[float], None]
    """Called when the client's share may have changed, with the seconds for which no call may be sent."""


class Fleet:
    """All processes that call the same accounts, as one run among them."""

    def __init__(self, ledger: Ledger, *, limit: int | None = None) -> None:
        """`limit`: the most calls in flight to one account, from all processes together."""
        self.kind = ledger.kind
        self._connection, self._limit = LedgerConnection(ledger), limit
        # Of its own: asyncio's threads may all be taken by targets that wait for what a booking would free.
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="limits")
        self._members: list[FleetMember] = []
        self._shared_budget: tuple[str, Budget] | None = None
        self._reported = Spending()
        self._lock, self._wake, self._closed = threading.Lock(), threading.Event(), False
        self._thread: threading.Thread | None = None

    @property
    def missed(self) -> int:
        """Bookings made without the ledger."""
        return self._connection.missed

    def client(self, account: str, rates: Rates, *, ceiling: int) -> LimiterClient:
        """A client for one endpoint; `join` makes it send heartbeats."""
        return LimiterClient(
            self._connection, account, rates, limit=self._limit, ceiling=ceiling, executor=self._executor
        )

    def join(self, member: FleetMember) -> None:
        """Send heartbeats for `member` from now on."""
        with self._lock:
            self._members.append(member)
        self._start()

    def share_budget(self, experiment: str, budget: Budget) -> None:
        """Share `budget` with all runs of `experiment` from now on."""
        self._shared_budget = (experiment, budget)
        # What others have spent is in the budget before the first attempt begins.
        self._exchange_spending()
        self._start()

    def close(self) -> None:
        """End the run: other processes get what it held."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._executor.shutdown()
        self._exchange_spending()
        for member in self._members:
            member.client.leave()
        self._connection.ledger.close()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._send_heartbeats, name="fleet", daemon=True)
                self._thread.start()
        self._wake.set()

    def _send_heartbeats(self) -> None:
        while not self._closed:
            self._wake.clear()
            with self._lock:
                members = list(self._members)
            for member in members:
                in_flight, demand = member.demand()
                member.on_heartbeat(member.client.heartbeat(in_flight=in_flight, demand=demand))
            self._exchange_spending()
            if not self._closed:
                self._wake.wait(HEARTBEAT_S)

    def _exchange_spending(self) -> None:
        """Report what this run spent since the last time, and add what the others spent to its budget."""
        if self._shared_budget is None:
            return
        experiment, budget = self._shared_budget
        own = Spending(tokens=budget.own_tokens, cost_usd=budget.own_cost_usd)
        unreported = Spending(
            tokens=own.tokens - self._reported.tokens, cost_usd=own.cost_usd - self._reported.cost_usd
        )
        total = self._connection.ask(lambda ledger: ledger.spend(experiment, unreported))
        if total is not None:
            self._reported = own
            budget.set_spent_by_others(tokens=total.tokens - own.tokens, cost_usd=total.cost_usd - own.cost_usd)
