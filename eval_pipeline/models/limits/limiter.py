"""Limits the model calls of a run to one endpoint: how many at once, how fast, and none that cannot succeed.

A model that never answered is called once at a time: a bad key costs one call, not one for each attempt.
"""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from eval_pipeline.models.calls.failures import FailureKind, fatal_error, kind_of, retry_after
from eval_pipeline.models.calls.governor import CalledModel
from eval_pipeline.models.limits.adaptive import AdaptiveLimit
from eval_pipeline.models.limits.fleet.limiter_client import LimiterClient
from eval_pipeline.models.limits.pace import Pacer
from eval_pipeline.models.limits.slots import Slots

_LONGEST_NAP = 5.0
"""Seconds; a hold may be lengthened during a sleep."""

Waiting = Callable[[], AbstractContextManager[Any]]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread; None if there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Limiter:
    """Of one endpoint in one run."""

    def __init__(self, *, ceiling: int, pacer: Pacer, waiting: Waiting, client: LimiterClient | None = None) -> None:
        """`client`: of limits shared with other processes, which is its pacer as well; None: it shares none."""
        self.adaptive = AdaptiveLimit(ceiling)
        self.pacer, self.waiting, self.client = pacer, waiting, client
        self.slots = Slots(ceiling if client is None else client.share)
        self._probes: dict[str, Slots | None] = {}
        """By model: slots for its first calls, one at a time; None once it answered."""
        self._mean_tokens, self._answers = 0.0, 0

    @property
    def tokens_expected(self) -> float:
        """Tokens that a call is expected to take, by those before it."""
        return self._mean_tokens

    def probe(self, model: CalledModel) -> Slots | None:
        """The slots of the first calls of `model`; None once it has answered."""
        if model.name not in self._probes:
            self._probes[model.name] = Slots(1)
        return self._probes[model.name]

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered."""
        return model.name in self._probes and self._probes[model.name] is None

    def succeeded(self, model: CalledModel) -> None:
        """Record a call that was answered."""
        probe = self._probes.get(model.name)
        if probe is not None:
            self._probes[model.name] = None
            probe.resize(sys.maxsize)
        self.adaptive.succeeded()
        self._fit()

    def failed(self, model: CalledModel, error: BaseException, *, sent_at: float) -> None:
        """Record a call that failed."""
        kind = kind_of(error)
        if kind is FailureKind.OVERLOADED:
            asked = retry_after(error)
            self.adaptive.overloaded(sent_at=sent_at, retry_after=asked)
            if self.client is not None and asked:
                self.client.hold(asked)
            self._fit()
        elif kind in (FailureKind.REFUSED, FailureKind.UNKNOWN_MODEL):
            self.gave_up(model, error)

    def gave_up(self, model: CalledModel, error: BaseException) -> Exception | None:
        """Record a call that is not retried.

        Returns:
            Our own error if no call to `model` can succeed; later calls get it at once.
        """
        fatal = fatal_error(error, kind=kind_of(error), model=model.name)
        probe = self._probes.get(model.name)
        if fatal is None or probe is None:
            return None
        fatal.__cause__ = error
        probe.close(fatal)
        return fatal

    def demand(self) -> tuple[int, int]:
        """Calls in flight, and those together with the ones that wait and would be let through."""
        in_flight, demand = self.slots.demand()
        return in_flight, min(demand, self.adaptive.limit)

    def on_heartbeat(self, held_s: float) -> None:
        """Apply the client's share, which may have changed; no call may be sent for `held_s` seconds."""
        if held_s > 0:
            self.adaptive.hold(held_s)
        self._fit()

    def _fit(self) -> None:
        share = self.adaptive.limit if self.client is None else min(self.adaptive.limit, self.client.share)
        self.slots.resize(share)

    def used(self, tokens: int, *, expected: float) -> None:
        """Record the tokens that a call took."""
        self._answers += 1
        self._mean_tokens += (tokens - self._mean_tokens) / min(self._answers, 100)
        self.pacer.settle(tokens - expected)


class _NoRoomInTimeError(Exception):
    """A call waited for room as long as it may."""


class LimiterLease:
    """A limiter's permission for one try of one call."""

    def __init__(
        self, limiter: Limiter, model: CalledModel, *, room_within_s: float | None = None, blocks: bool = False
    ) -> None:
        """Nothing is acquired yet.

        Args:
            limiter: of the model's endpoint.
            model: the model that is called.
            room_within_s: the most seconds that a call on an event loop waits for room; then it is made without.
            blocks: the call blocks an event loop, and so the calls there that would free room: it waits for none.
                `acquire` detects that itself.
        """
        self._limiter, self._model, self._room_within_s, self._blocks = limiter, model, room_within_s, blocks
        self._lock = threading.Lock()
        self._taken: list[Slots] = []
        self._settled = False
        self._expected, self._due, self._booked = 0.0, 0.0, False
        self._sent_at = float("-inf")
        self.sent = False

    def acquire(self) -> None:
        """Wait in a thread."""
        limiter, blocks = self._limiter, self._blocks or running_loop() is not None
        for slots in self._queues():
            if blocks:
                slots.take_anyway()
            else:
                with limiter.waiting():
                    slots.take()
            self._hold(slots)
        while not self._booked:
            expected = self._expect()
            with limiter.waiting():
                self._book(limiter.pacer.reserve(expected))
                while (seconds := self._rest()) > 0:
                    time.sleep(min(seconds, _LONGEST_NAP))
        self._begin()

    async def aacquire(self) -> None:
        """Wait on an event loop."""
        limiter = self._limiter
        with contextlib.suppress(_NoRoomInTimeError):
            for slots in self._queues():
                with limiter.waiting():
                    await self._room(slots)
                self._hold(slots)
        while not self._booked:
            expected = self._expect()
            with limiter.waiting():
                self._book(await limiter.pacer.areserve(expected))
                while (seconds := self._rest()) > 0:  # noqa: ASYNC110 - time alone ends the wait
                    await asyncio.sleep(min(seconds, _LONGEST_NAP))
        self._begin()

    def settle(self, error: BaseException | None) -> None:
        """The try is over."""
        # A stream that its reader leaves before the end was answered.
        if self.sent and (error is None or isinstance(error, GeneratorExit)):
            self._limiter.succeeded(self._model)
        elif self.sent and error is not None:
            self._limiter.failed(self._model, error, sent_at=self._sent_at)
        with self._lock:
            self._settled = True
            taken, self._taken = self._taken, []
        for slots in reversed(taken):
            slots.give()

    def _hold(self, slots: Slots) -> None:
        """Keep the room until the try is over. The caller may have given the try up while it waited here."""
        with self._lock:
            if not self._settled:
                self._taken.append(slots)
                return
        slots.give()

    async def _room(self, slots: Slots) -> None:
        if self._blocks:
            slots.take_anyway()
            return
        if self._room_within_s is None:
            await slots.atake()
            return
        try:
            async with asyncio.timeout(self._room_within_s):
                await slots.atake()
        except TimeoutError as error:
            raise _NoRoomInTimeError from error

    def _queues(self) -> list[Slots]:
        if self._room_within_s == 0:
            return []
        probe = self._limiter.probe(self._model)
        return [self._limiter.slots] if probe is None else [probe, self._limiter.slots]

    def _expect(self) -> float:
        # A booking that came due while the provider accepted no calls is repeated: otherwise all of them would be sent
        # at the moment when it accepts calls again.
        self._limiter.pacer.settle(-self._expected)
        self._expected = self._limiter.tokens_expected
        return self._expected

    def _book(self, seconds: float) -> None:
        self._due, self._booked = time.monotonic() + seconds, True

    def _rest(self) -> float:
        now, held = time.monotonic(), self._limiter.adaptive.held()
        if held > 0 and now + held > self._due:
            self._booked = False
        return max(self._due - now, held)

    def _begin(self) -> None:
        self.sent, self._sent_at = True, time.monotonic()

    def used(self, tokens: int) -> None:
        """Record the tokens that the call took."""
        self._limiter.used(tokens, expected=self._expected)
