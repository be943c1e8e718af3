"""The gate before one endpoint: what every model call of a run passes on its way there.

A model that never answered is called by one at a time: a bad key costs one call, not as many as there are attempts.
Belongs here: the order of waits, and what comes of an answer or a failure. Does not belong here: each wait
(`slots.py`, `pace.py`, `adaptive.py`), and trying again (`eval_pipeline.model_calls`).
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from eval_pipeline.evaluation.throughput.adaptive import AdaptiveLimit
from eval_pipeline.evaluation.throughput.pace import Pacer
from eval_pipeline.evaluation.throughput.slots import Slots
from eval_pipeline.model_calls.failures import FailureKind, fatal_error, kind_of, retry_after
from eval_pipeline.model_calls.governor import CalledModel

_LONGEST_NAP = 5.0
"""Seconds; a hold may be lengthened while one sleeps."""

Waiting = Callable[[], AbstractContextManager[Any]]


class Gate:
    """One endpoint in one run."""

    def __init__(self, *, ceiling: int, pacer: Pacer, waiting: Waiting) -> None:
        self.adaptive = AdaptiveLimit(ceiling)
        self.pacer, self.waiting = pacer, waiting
        self.slots = Slots(ceiling)
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
        self.slots.resize(self.adaptive.limit)

    def failed(self, model: CalledModel, error: BaseException, *, sent_at: float) -> None:
        """A call failed."""
        kind = kind_of(error)
        if kind is FailureKind.OVERLOADED:
            self.adaptive.overloaded(sent_at=sent_at, retry_after=retry_after(error))
            self.slots.resize(self.adaptive.limit)
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

    def used(self, tokens: int, *, expected: float) -> None:
        """A call took so many tokens."""
        self._answers += 1
        self._mean_tokens += (tokens - self._mean_tokens) / min(self._answers, 100)
        self.pacer.settle(tokens - expected)


class GateLease:
    """Leave for one try through a gate."""

    def __init__(self, gate: Gate, model: CalledModel) -> None:
        self._gate, self._model = gate, model
        self._taken: list[Slots] = []
        self._expected = 0.0
        self._sent_at = float("-inf")
        self.sent = False

    def acquire(self) -> None:
        """Wait in a thread."""
        gate = self._gate
        for slots in self._queues():
            with gate.waiting():
                slots.take()
            self._taken.append(slots)
        seconds = self._reserve()
        while seconds > 0:
            with gate.waiting():
                time.sleep(min(seconds, _LONGEST_NAP))
            seconds = self._rest()
        self._begin()

    async def aacquire(self) -> None:
        """Wait on an event loop."""
        gate = self._gate
        for slots in self._queues():
            with gate.waiting():
                await slots.atake()
            self._taken.append(slots)
        seconds = self._reserve()
        while seconds > 0:
            with gate.waiting():
                await asyncio.sleep(min(seconds, _LONGEST_NAP))
            seconds = self._rest()
        self._begin()

    def settle(self, error: BaseException | None) -> None:
        """The try is over."""
        if self.sent and error is None:
            self._gate.passed(self._model)
        elif self.sent and error is not None:
            self._gate.failed(self._model, error, sent_at=self._sent_at)
        while self._taken:
            self._taken.pop().give()

    def _queues(self) -> list[Slots]:
        probe = self._gate.probe(self._model)
        return [self._gate.slots] if probe is None else [probe, self._gate.slots]

    def _reserve(self) -> float:
        self._expected = self._gate.tokens_expected
        self._due = time.monotonic() + self._gate.pacer.reserve(self._expected)
        return self._rest()

    def _rest(self) -> float:
        return max(self._due - time.monotonic(), self._gate.adaptive.held())

    def _begin(self) -> None:
        self.sent, self._sent_at = True, time.monotonic()

    def used(self, tokens: int) -> None:
        """The call took so many tokens."""
        self._gate.used(tokens, expected=self._expected)
