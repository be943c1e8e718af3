"""Calls as runs of a trace, and contexts outside of a LangGraph graph."""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from langchain_core.callbacks import BaseCallbackManager, Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    ensure_config,
    get_async_callback_manager_for_config,
    patch_config,
    set_config_context,
    var_child_runnable_config,
)
from langchain_core.tracers import LangChainTracer
from langsmith.run_helpers import get_current_run_tree

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
    config = RunnableConfig(callbacks=_below_current_run(around.get("callbacks")), configurable=ids, metadata=ids)
    context.run(var_child_runnable_config.set, config)
    return context


def _below_current_run(callbacks: Callbacks) -> Callbacks:
    """Callbacks that put runs below the run that LangSmith's SDK has as the current one.

    Those of a workflow that is not traced would put them below its own runs, which nothing collects.
    """
    current = get_current_run_tree()
    if current is None or not isinstance(callbacks, BaseCallbackManager):
        return callbacks
    if callbacks.parent_run_id is None or str(callbacks.parent_run_id) in current.dotted_order:
        return callbacks
    return [handler for handler in callbacks.inheritable_handlers if not isinstance(handler, LangChainTracer)]


def as_run(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """`work` as a run of its own in a trace, with its name, arguments and result, below the run it is called in.

    The run looks like that of a LangGraph task, and costs a quarter of one: LangGraph plans tasks, hands them to a
    runner and collects what they wrote. It is in an asyncio task of its own, as LangGraph's are: what it sets in its
    context stays its own.
    """
    signature = inspect.signature(work)

    @functools.wraps(work)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        config = ensure_config()
        callbacks = get_async_callback_manager_for_config(config)
        run = await callbacks.on_chain_start({}, dict(signature.bind(*args, **kwargs).arguments), name=work.__name__)
        try:
            with set_config_context(patch_config(config, callbacks=run.get_child())) as context:
                returned = await asyncio.create_task(work(*args, **kwargs), context=context)
        except BaseException as error:
            await run.on_chain_error(error)
            raise
        await run.on_chain_end(returned)
        return returned

    return call
