"""A call that is a run of its own in whatever traces it.

It looks as a task of LangGraph's does, and costs a quarter of one: LangGraph plans tasks, hands them to a runner and
collects what they wrote.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.runnables.config import ensure_config, patch_config, set_config_context

_P = ParamSpec("_P")
_T = TypeVar("_T")


def run_of(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Awaitable[_T]]:
    """`work`, shown under its name with its arguments and what it returns, below the run it is called in.

    It runs in a task of its own, as what LangGraph runs does: what it sets in its context stays its own.
    """
    signature = inspect.signature(work)

    @functools.wraps(work)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        config = ensure_config()
        callbacks = config.get("callbacks")
        if not isinstance(callbacks, AsyncCallbackManager):
            return await work(*args, **kwargs)
        said = dict(signature.bind(*args, **kwargs).arguments)
        run = await callbacks.on_chain_start({}, said, name=work.__name__)
        try:
            with set_config_context(patch_config(config, callbacks=run.get_child())) as context:
                returned = await asyncio.create_task(work(*args, **kwargs), context=context)
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(returned)
        return returned

    return call
