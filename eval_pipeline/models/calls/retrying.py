"""When a failed model call is retried, and after how long."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import tenacity

from eval_pipeline.models.calls.failures import FailureKind, kind_of, retry_after
from eval_pipeline.models.calls.governor import CalledModel, Governor

DEFAULT_RETRIES = 6
"""With the waits below they last for half a minute of a provider's failures."""
LONGEST_WAIT = 120.0
"""Seconds; if a provider asks for more, the call is not retried."""
_NEVER_ANSWERED_RETRIES = 2
"""A host that was never reached more likely has a wrong address than an outage."""

_backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=60.0, jitter=0.5)
_Began = Callable[[], bool]


def tries(governor: Governor | None, model: CalledModel, *, began: _Began = bool) -> tenacity.Retrying:
    """The tries of one call, in a thread. `began`: whether part of an answer was passed on, which ends retrying."""

    def sleep(seconds: float) -> None:
        if governor is None:
            time.sleep(seconds)
            return
        with governor.waiting():
            time.sleep(seconds)

    return tenacity.Retrying(sleep=sleep, **_policy(governor, model, began))


def async_tries(governor: Governor | None, model: CalledModel, *, began: _Began = bool) -> tenacity.AsyncRetrying:
    """The tries of one call, on an event loop."""

    async def sleep(seconds: float) -> None:
        if governor is None:
            await asyncio.sleep(seconds)
            return
        with governor.waiting():
            await asyncio.sleep(seconds)

    return tenacity.AsyncRetrying(sleep=sleep, **_policy(governor, model, began))


def _policy(governor: Governor | None, model: CalledModel, began: _Began) -> dict[str, Any]:
    def again(error: BaseException) -> bool:
        asked = retry_after(error)
        return not began() and kind_of(error).retryable and (asked is None or asked <= LONGEST_WAIT)

    def enough(state: tenacity.RetryCallState) -> bool:
        retries = DEFAULT_RETRIES if governor is None else governor.max_retries
        error = _error(state)
        if error is not None and kind_of(error) is FailureKind.UNREACHABLE:
            answered = governor is not None and governor.answered(model)
            retries = retries if answered else min(retries, _NEVER_ANSWERED_RETRIES)
        return state.attempt_number > retries

    return {"retry": tenacity.retry_if_exception(again), "stop": enough, "wait": _wait, "reraise": True}


def _wait(state: tenacity.RetryCallState) -> float:
    error = _error(state)
    asked = None if error is None else retry_after(error)
    return max(asked or 0.0, _backoff(state))


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
