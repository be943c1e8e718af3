"""The fleet as one run sees it: its seats, and the thread that says every second that they are still taken."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from eval_pipeline.models.budget import Budget
from eval_pipeline.models.limits.fleet.connection import Line
from eval_pipeline.models.limits.fleet.ledger import Ledger, Spent
from eval_pipeline.models.limits.fleet.limiter_client import Seat
from eval_pipeline.models.limits.pace import Rates

BEAT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Occupied:
    """A seat, and who sits there."""

    seat: Seat
    demand: Callable[[], tuple[int, int]]
    """Calls in flight, and those with the ones that wait."""
    told: Callable[[float], None]
    """Is told when the seat's share may have changed, and for how many seconds nobody may ask."""


class Fleet:
    """All that call the same accounts, as one run among them."""

    def __init__(self, ledger: Ledger, *, limit: int | None = None) -> None:
        """`limit` is of the calls in flight to one account, by all."""
        self.kind = ledger.kind
        self._line, self._limit = Line(ledger), limit
        # Of its own: asyncio's threads may all be taken by targets that wait for what a booking would free.
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="limits")
        self._seats: list[Occupied] = []
        self._purse: tuple[str, Budget] | None = None
        self._reported = Spent()
        self._lock, self._wake, self._closed = threading.Lock(), threading.Event(), False
        self._thread: threading.Thread | None = None

    @property
    def missed(self) -> int:
        """Bookings that were made without the ledger."""
        return self._line.missed

    def seat(self, account: str, rates: Rates, *, ceiling: int) -> Seat:
        """A seat for one endpoint, to be occupied."""
        return Seat(self._line, account, rates, limit=self._limit, ceiling=ceiling, executor=self._executor)

    def occupy(self, occupied: Occupied) -> None:
        """From now on this seat is spoken for."""
        with self._lock:
            self._seats.append(occupied)
        self._begin()

    def share_purse(self, experiment: str, budget: Budget) -> None:
        """From now on `budget` is of all runs of `experiment`."""
        self._purse = (experiment, budget)
        # What others have spent is known before the first attempt begins.
        self._pass_on()
        self._begin()

    def close(self) -> None:
        """The run is over: what it held is others'."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._executor.shutdown()
        self._pass_on()
        for occupied in self._seats:
            occupied.seat.leave()
        self._line.ledger.close()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._beats, name="fleet", daemon=True)
                self._thread.start()
        self._wake.set()

    def _beats(self) -> None:
        while not self._closed:
            self._wake.clear()
            with self._lock:
                seats = list(self._seats)
            for occupied in seats:
                in_flight, wanted = occupied.demand()
                occupied.told(occupied.seat.beat(in_flight=in_flight, wanted=wanted))
            self._pass_on()
            if not self._closed:
                self._wake.wait(BEAT_S)

    def _pass_on(self) -> None:
        if self._purse is None:
            return
        experiment, budget = self._purse
        own = Spent(tokens=budget.own_tokens, cost_usd=budget.own_cost_usd)
        news = Spent(tokens=own.tokens - self._reported.tokens, cost_usd=own.cost_usd - self._reported.cost_usd)
        total = self._line.ask(lambda ledger: ledger.spend(experiment, news))
        if total is not None:
            self._reported = own
            budget.heard(tokens=total.tokens - own.tokens, cost_usd=total.cost_usd - own.cost_usd)
