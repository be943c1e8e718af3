"""`LimitWatch`: counts what the target uses in an attempt, and ends it when a limit is reached."""

import asyncio
import contextlib
import json
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_pipeline.models.limits.working_time import waited_s
from eval_pipeline.models.usage import attempt_usage
from eval_pipeline.runs.run_starts import watching_starts
from eval_pipeline.suite.spec.limits import AttemptLimits
from eval_pipeline.targets.session import Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.wording import counted

_LONGEST_CALL = 200
"""Characters of a repeated call in a message."""


_NEVER_AWAITED = "coroutine 'ahandle_event' was never awaited"
_ENDING_SECONDS = 1.0
"""For a target whose turn was cancelled."""


class LimitReachedError(BaseException):
    """Ends a target where it calls a model or a tool beyond a limit. No `except Exception` of an agent catches it."""


@dataclass(kw_only=True)
class LimitWatch:
    """What the target used so far in one attempt, and the limit that was reached, if one was."""

    limits: AttemptLimits
    reached: str | None = None
    """The limit, and what was used: `tool_calls: 5, at most 4`."""
    seconds: float = 0.0
    """Of ended turns."""
    _models: int = 0
    _tools: int = 0
    _calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: Callable[[], object] | None = None
    _tools_of_turn: int = 0

    async def answer(self, sending: Callable[[], asyncio.Task[Reply]], reported: Sequence[Event]) -> Reply:
        """The reply of a task that `sending` begins; if a limit ended it, what it had reported until then.

        Raises:
            BaseException: what the task raised, unless a limit ended it.
        """
        with watching_starts(self._started):
            task = sending()
        loop, began, waited = asyncio.get_running_loop(), time.monotonic(), waited_s()
        self._end = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            while not task.done():
                used = self.seconds + time.monotonic() - began - (waited_s() - waited)
                left = None if self.limits.seconds is None else self.limits.seconds - used
                if left is not None and left <= 0:
                    self._reach(f"seconds: {used:.3g}, at most {self.limits.seconds:g}")
                    break
                # The time of waiting for a provider's limits is not known before it is over.
                await asyncio.wait({task}, timeout=left)
            return await task if self.reached is None else await self._ended(task, reported)
        except BaseException:
            if not task.done():
                task.cancel()  # the attempt itself was cancelled
            if self.reached is None:
                raise
            return _partial(reported)
        finally:
            self._end = None
            self.seconds += max(0.0, time.monotonic() - began - (waited_s() - waited))

    async def _ended(self, task: asyncio.Task[Reply], reported: Sequence[Event]) -> Reply:
        """The reply of a task that ended all the same, or else what it had reported."""
        task.cancel()
        with contextlib.suppress(BaseException):
            return await asyncio.wait_for(asyncio.shield(task), timeout=_ENDING_SECONDS)
        return _partial(reported)

    def allows_turn(self, turns: int) -> bool:
        """Whether another turn may begin after so many."""
        if self.reached is None and self.limits.turns is not None and turns >= self.limits.turns:
            self._reach(f"turns: another one after {turns}, at most {self.limits.turns}")
        return self.reached is None

    def after_turn(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Count what only the events of an ended turn show, such as those of an agent behind a URL."""
        calls = [event for event in events if event["type"] == "tool_call"]
        with self._lock:
            unseen = max(0, len(calls) - self._tools_of_turn)
            self._tools += unseen
            if unseen:
                self._calls.update(_call(event["name"], event["args"]) for event in calls)
            self._tools_of_turn = 0
        self._check_calls()
        self._check_usage()

    def _started(self, run_type: str, name: str, inputs: Any) -> None:
        """A run starts, maybe in another thread."""
        if run_type not in ("llm", "tool"):
            return
        if self.reached is None:
            if run_type == "llm":
                self._check_usage()
                with self._lock:
                    self._models += 1
            else:
                with self._lock:
                    self._tools += 1
                    self._tools_of_turn += 1
                    self._calls[_call(name, inputs)] += 1
            self._check_calls()
        if self.reached is not None:
            raise LimitReachedError(self.reached)

    def _check_calls(self) -> None:
        for name, made in (("model_calls", self._models), ("tool_calls", self._tools)):
            most = getattr(self.limits, name)
            if most is not None and made > most:
                self._reach(f"{name}: {made}, at most {most}")
        if self.limits.repeats is not None:
            for call, times in self._calls.items():
                if times > self.limits.repeats:
                    self._reach(
                        f"repeats: {call[:_LONGEST_CALL]} {counted(times, 'time')}, at most {self.limits.repeats}"
                    )

    def _check_usage(self) -> None:
        handler = attempt_usage()
        used = None if handler is None else handler.of_role("target")
        if used is None:
            return
        if self.limits.tokens is not None and used.total > self.limits.tokens:
            self._reach(f"tokens: {used.total:,}, at most {self.limits.tokens:,}")
        if self.limits.cost_usd is not None and (used.cost_usd or 0.0) > self.limits.cost_usd:
            self._reach(f"cost_usd: {used.cost_usd:.4f}, at most {self.limits.cost_usd:g}")

    def _reach(self, what: str) -> None:
        # LangChain has made the coroutines of all callbacks of a call, when the first of them ends the call.
        warnings.filterwarnings(
            "ignore", message="coroutine 'ahandle_event' was never awaited", category=RuntimeWarning
        )
        with self._lock:
            self.reached = self.reached or what
        if self._end is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the attempt over
                self._end()


def _partial(reported: Sequence[Event]) -> Reply:
    texts = [str(event.get("content") or "") for event in reported if event["type"] == "message"]
    return Reply(text=texts[-1] if texts else "", events=reported)


def _call(name: str, args: Any) -> str:
    return f"{name}({json.dumps(args, sort_keys=True, default=str, ensure_ascii=False)})"
