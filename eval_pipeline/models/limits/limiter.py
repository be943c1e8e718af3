"""The gate before one endpoint: what every model call of a run passes on its way there.

A model that never answered is called by one at a time: a bad key costs one call, not as many as there are attempts.
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
from eval_pipeline.models.limits.fleet.limiter_client import Seat
from eval_pipeline.models.limits.pace import Pacer
from eval_pipeline.models.limits.slots import Slots

_LONGEST_NAP = 5.0
"""Seconds; a hold may be lengthened while one sleeps."""

Waiting = Callable[[], AbstractContextManager[Any]]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread; None if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Gate:
    """One endpoint in one run."""

    def __init__(self, *, ceiling: int, pacer: Pacer, waiting: Waiting, seat: Seat | None = None) -> None:
        """`seat`: the run's among others, which is its pacer as well; None: it shares no limit with other processes."""
        self.adaptive = AdaptiveLimit(ceiling)
        self.pacer, self.waiting, self.seat = pacer, waiting, seat
        self.slots = Slots(ceiling if seat is None else seat.share)
        self._probes: dict[str, Slots | None] = {}
        """By model: its first calls, one at a time; None once it answered."""
        self._mean_tokens, self._answers = 0.0, 0

    @property
    def tokens_expected(self) -> float:
        """Of a call, by those before it."""
        return self._mean_tokens

    def probe(self, model: CalledModel) -> Slots | None:
        """Where the first calls of `model` queue; None if it has answered."""
        if model.name not in self._probes:
            self._probes[model.name] = Slots(1)
        return self._probes[model.name]

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered."""
        return model.name in self._probes and self._probes[model.name] is None

    def passed(self, model: CalledModel) -> None:
        """A call was answered."""
        probe = self._probes.get(model.name)
        if probe is not None:
            self._probes[model.name] = None
            probe.resize(sys.maxsize)
        self.adaptive.succeeded()
        self._fit()

    def failed(self, model: CalledModel, error: BaseException, *, sent_at: float) -> None:
        """A call failed."""
        kind = kind_of(error)
        if kind is FailureKind.OVERLOADED:
            asked = retry_after(error)
            self.adaptive.overloaded(sent_at=sent_at, retry_after=asked)
            if self.seat is not None and asked:
                self.seat.hold(asked)
            self._fit()
        elif kind in (FailureKind.REFUSED, FailureKind.UNKNOWN_MODEL):
            self.gave_up(model, error)

    def gave_up(self, model: CalledModel, error: BaseException) -> Exception | None:
        """Nobody tries this call again.

        Returns:
            Our own error if no call to `model` can succeed; none is let through any more.
        """
        fatal = fatal_error(error, kind=kind_of(error), model=model.name)
        probe = self._probes.get(model.name)
        if fatal is None or probe is None:
            return None
        fatal.__cause__ = error
        probe.close(fatal)
        return fatal

    def demand(self) -> tuple[int, int]:
        """Calls in flight, and those with the ones that wait and would be let through."""
        inside, wanted = self.slots.demand()
        return inside, min(wanted, self.adaptive.limit)

    def told(self, held_s: float) -> None:
        """The seat's share may have changed; nobody may ask for `held_s` seconds."""
        if held_s > 0:
            self.adaptive.hold(held_s)
        self._fit()

    def _fit(self) -> None:
        share = self.adaptive.limit if self.seat is None else min(self.adaptive.limit, self.seat.share)
        self.slots.resize(share)

    def used(self, tokens: int, *, expected: float) -> None:
        """A call took so many tokens."""
        self._answers += 1
        self._mean_tokens += (tokens - self._mean_tokens) / min(self._answers, 100)
        self.pacer.settle(tokens - expected)


class _NoRoomInTimeError(Exception):
    """Somebody waited long enough."""


class GateLease:
    """Leave for one try through a gate."""

    def __init__(
        self, gate: Gate, model: CalledModel, *, room_within_s: float | None = None, blocks: bool = False
    ) -> None:
        """Nothing is asked yet.

        Args:
            gate: of the model's endpoint.
            model: which is called.
            room_within_s: seconds that a call on an event loop waits for room at most, and is then made without.
            blocks: the call holds an event loop up, and so those who have the room and would give it back there: it
                waits for none. `acquire` sees that for itself.
        """
        self._gate, self._model, self._room_within_s, self._blocks = gate, model, room_within_s, blocks
        self._lock = threading.Lock()
        self._taken: list[Slots] = []
        self._settled = False
        self._expected, self._due, self._booked = 0.0, 0.0, False
        self._sent_at = float("-inf")
        self.sent = False

    def acquire(self) -> None:
        """Wait in a thread."""
        gate, blocks = self._gate, self._blocks or running_loop() is not None
        for slots in self._queues():
            if blocks:
                slots.take_anyway()
            else:
                with gate.waiting():
                    slots.take()
            self._hold(slots)
        while not self._booked:
            expected = self._expect()
            with gate.waiting():
                self._book(gate.pacer.reserve(expected))
                while (seconds := self._rest()) > 0:
                    time.sleep(min(seconds, _LONGEST_NAP))
        self._begin()

    async def aacquire(self) -> None:
        """Wait on an event loop."""
        gate = self._gate
        with contextlib.suppress(_NoRoomInTimeError):
            for slots in self._queues():
                with gate.waiting():
                    await self._room(slots)
                self._hold(slots)
        while not self._booked:
            expected = self._expect()
            with gate.waiting():
                self._book(await gate.pacer.areserve(expected))
                while (seconds := self._rest()) > 0:  # noqa: ASYNC110 - time alone ends the wait
                    await asyncio.sleep(min(seconds, _LONGEST_NAP))
        self._begin()

    def settle(self, error: BaseException | None) -> None:
        """The try is over."""
        # Who leaves a stream before its end was answered.
        if self.sent and (error is None or isinstance(error, GeneratorExit)):
            self._gate.passed(self._model)
        elif self.sent and error is not None:
            self._gate.failed(self._model, error, sent_at=self._sent_at)
        with self._lock:
            self._settled = True
            taken, self._taken = self._taken, []
        for slots in reversed(taken):
            slots.give()

    def _hold(self, slots: Slots) -> None:
        """Keep the room until the try is over; it may be over already for whom it is made, while somebody waits."""
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
        probe = self._gate.probe(self._model)
        return [self._gate.slots] if probe is None else [probe, self._gate.slots]

    def _expect(self) -> float:
        # A booking whose time went by while the provider held everybody back is made again: else all of them would be
        # sent at the moment when it lets go.
        self._gate.pacer.settle(-self._expected)
        self._expected = self._gate.tokens_expected
        return self._expected

    def _book(self, seconds: float) -> None:
        self._due, self._booked = time.monotonic() + seconds, True

    def _rest(self) -> float:
        now, held = time.monotonic(), self._gate.adaptive.held()
        if held > 0 and now + held > self._due:
            self._booked = False
        return max(self._due - now, held)

    def _begin(self) -> None:
        self.sent, self._sent_at = True, time.monotonic()

    def used(self, tokens: int) -> None:
        """The call took so many tokens."""
        self._gate.used(tokens, expected=self._expected)
