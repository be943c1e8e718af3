"""Calls as runs of a trace, and contexts outside of a LangGraph graph."""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, patch_config, set_config_context, var_child_runnable_config

from eval_pipeline.telemetry.attempt_ids import attempt_ids

_P = ParamSpec("_P")
_T = TypeVar("_T")


def outside_of_graph() -> contextvars.Context:
    """A context in which graphs do not take the one that is running for theirs: its stream, store or checkpoints.

    They find the ids of the attempt in `configurable` and `metadata`.
    """
    context = contextvars.copy_context()
    around = var_child_runnable_config.get() or RunnableConfig()
    ids = attempt_ids()
    config = RunnableConfig(callbacks=around.get("callbacks"), configurable=ids, metadata=ids)
    context.run(var_child_runnable_config.set, config)
    return context


def run_of(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Awaitable[_T]]:
    """`work` as a run of its own in a trace, with its name, arguments and result, below the run it is called in.

    The run looks like that of a LangGraph task, and costs a quarter of one: LangGraph plans tasks, hands them to a
    runner and collects what they wrote. It is in an asyncio task of its own, as LangGraph's are: what it sets in its
    context stays its own.
    """
    signature = inspect.signature(work)

    @functools.wraps(work)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        config = ensure_config()
        callbacks = config.get("callbacks")
        if not isinstance(callbacks, AsyncCallbackManager):
            return await work(*args, **kwargs)
        inputs = dict(signature.bind(*args, **kwargs).arguments)
        run = await callbacks.on_chain_start({}, inputs, name=work.__name__)
        try:
            with set_config_context(patch_config(config, callbacks=run.get_child())) as context:
                returned = await asyncio.create_task(work(*args, **kwargs), context=context)
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(returned)
        return returned

    return call
