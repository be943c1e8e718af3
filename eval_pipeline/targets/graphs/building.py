"""Building the graph of an attempt from what `target.path` names: whatever `langgraph dev` takes."""

import contextlib
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeGuard, get_args, get_origin

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.func import entrypoint
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command
from langgraph_sdk.runtime import ServerRuntime

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.targets.graphs.memory import AnyGraph
from eval_pipeline.targets.graphs.schema import GraphSchema
from eval_pipeline.user_code.own_thread import in_own_thread

_FIX = "name a compiled or uncompiled graph, an entrypoint, a runnable, or a callable that returns one"


@dataclass(frozen=True, kw_only=True)
class FactoryRuntime:
    """What a factory gets as `runtime`: a `langgraph_sdk.runtime.ServerRuntime` of a run."""

    store: BaseStore
    context: Any = None
    access_context: str = "threads.create_run"
    user: None = None

    @property
    def execution_runtime(self) -> Self:
        """This runtime: the graph will be run."""
        return self

    def ensure_user(self) -> None:
        """Fail, as a server without authentication does.

        Raises:
            PermissionError: always.
        """
        message = "no user is authenticated in an evaluation"
        raise PermissionError(message)


@dataclass(frozen=True, kw_only=True)
class FactoryCall:
    """What a factory of graphs may ask for."""

    runtime: FactoryRuntime
    config: RunnableConfig = field(default_factory=RunnableConfig)
    options: Mapping[str, Any] = field(default_factory=dict)
    """The target's `options`, given by keyword."""


def is_factory(named: Any) -> TypeGuard[Callable[..., Any]]:
    """Whether `named` builds a graph, rather than being one."""
    return callable(named) and not isinstance(named, Runnable | StateGraph)


def asks_for_the_case(factory: Callable[..., Any], options: Mapping[str, Any]) -> bool:
    """Whether a factory is given the config or the runtime of an attempt.

    Raises:
        InputError: `options` are not what it takes.
    """
    nothing = FactoryCall(runtime=FactoryRuntime(store=InMemoryStore()), options=options)
    given = _arguments(factory, nothing).arguments.values()
    return any(value is nothing.config or value is nothing.runtime for value in given)


@contextlib.asynccontextmanager
async def built_graph(named: Any, call: FactoryCall, *, node: str | None = None) -> AsyncIterator["BuiltGraph"]:
    """The graph that `named` is, or builds; what it opens is closed at the end.

    Args:
        named: a graph, compiled or not, an entrypoint, a runnable, or a factory: a sync or async callable that returns
            one, also as a context manager, sync or async.
        call: what a factory is given.
        node: the only node to run.

    Raises:
        InputError: it is none of them.
    """
    returned = await _called(named, call) if is_factory(named) else named
    async with _entered(returned) as graph:
        yield BuiltGraph.of(graph, node=node)


@dataclass(frozen=True, kw_only=True)
class BuiltGraph:
    """A graph that can be run."""

    graph: AnyGraph
    schema: GraphSchema
    keeps_state: bool = True
    """Whether its state lives from turn to turn; what is no graph is given the whole conversation each time."""

    @classmethod
    def of(cls, graph: Any, *, node: str | None = None) -> Self:
        """The graph that `graph` is, compiled, or a graph that runs it or its `node`.

        Raises:
            InputError: it is no graph, or has no such node.
        """
        if isinstance(graph, StateGraph):
            graph = graph.compile()
        if node is not None:
            alone = _running(_node_of(graph, node), name=node, like=graph)
            schema = GraphSchema.of(graph)
            schema = replace(schema, keys=schema.state or schema.keys)
            return cls(graph=alone, schema=schema, keeps_state=False)
        if isinstance(graph, Pregel):
            return cls(graph=graph, schema=GraphSchema.of(graph))
        if isinstance(graph, Runnable):
            alone = _running(graph, name=graph.get_name())
            return cls(graph=alone, schema=GraphSchema.of(alone, graph), keeps_state=False)
        what = f"gives a {type(graph).__name__}, not a graph"
        raise InputError(Problem(message=what, fix=_FIX, field="target.path"))


def _node_of(graph: Any, node: str) -> Runnable[Any, Any]:
    nodes = graph.nodes if isinstance(graph, Pregel) else {}
    if node not in nodes:
        named = ", ".join(repr(name) for name in nodes if not name.startswith("__")) or "none"
        problem = Problem(message=f"the graph has no node {node!r}", fix=f"use one of: {named}", field="target.path")
        raise InputError(problem)
    own, mapper = nodes[node].bound, nodes[node].mapper
    if mapper is None:
        return own
    # A state that is a class: the node expects an instance of it.
    return RunnableLambda(mapper) | own


def _running(runnable: Runnable[Any, Any], *, name: str, like: AnyGraph | None = None) -> AnyGraph:
    """A graph whose only node runs `runnable`, so that it may ask a human and finds a store."""

    async def run(inputs: Any, config: RunnableConfig) -> Any:
        returned = await runnable.ainvoke(inputs, config)
        # Where a node goes next is no part of what it answers.
        return returned.update if isinstance(returned, Command) else returned

    run.__name__ = name
    if like is None:
        return entrypoint()(run)
    alone: AnyGraph = entrypoint(context_schema=like.context_schema, store=like.store)(run)
    return alone.with_config(like.config or {})


async def _called(factory: Callable[..., Any], call: FactoryCall) -> Any:
    given = _arguments(factory, call)
    if inspect.iscoroutinefunction(factory):
        return await factory(*given.args, **given.kwargs)
    try:
        returned = await in_own_thread(factory, *given.args, **given.kwargs)
    except RuntimeError as error:
        # Such as the constructors of LangGraph's async checkpointers. A server calls factories in its loop.
        if "no running event loop" not in str(error):
            raise
        returned = factory(*given.args, **given.kwargs)
    return await returned if inspect.isawaitable(returned) else returned


@contextlib.asynccontextmanager
async def _entered(returned: Any) -> AsyncIterator[Any]:
    if isinstance(returned, contextlib.AbstractAsyncContextManager):
        async with returned as graph:
            yield graph
    elif isinstance(returned, contextlib.AbstractContextManager):
        graph = await in_own_thread(returned.__enter__)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(in_own_thread, returned.__exit__, None, None, None)
            yield graph
    elif inspect.isasyncgen(returned) or inspect.isgenerator(returned):
        decorator = "asynccontextmanager" if inspect.isasyncgen(returned) else "contextmanager"
        fix = f"decorate the factory with `contextlib.{decorator}`"
        raise InputError(Problem(message="the factory is a generator", fix=fix, field="target.path"))
    else:
        yield returned


def _arguments(factory: Callable[..., Any], call: FactoryCall) -> inspect.BoundArguments:
    """The arguments of a factory: `options` by name, `config` and `runtime` by name or annotation.

    As on a server, a single other parameter without a default is given the config.
    """
    try:
        signature = inspect.signature(factory)
    except ValueError:  # of a callable in C
        signature = inspect.signature(lambda **_: None)
    hints = _hints(factory)
    given = dict(call.options)
    others: list[str] = []
    has_config = False
    for name, parameter in signature.parameters.items():
        if name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(name, parameter.annotation)
        if name == "runtime" or _is_runtime(hint):
            given[name] = call.runtime
        elif name == "config" or _named(hint) == "RunnableConfig":
            given[name], has_config = call.config, True
        elif parameter.default is parameter.empty:
            others.append(name)
    if len(others) == 1 and not has_config:
        given[others.pop()] = call.config
    unknown = [name for name in given if name not in signature.parameters]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    shown = getattr(factory, "__qualname__", repr(factory))
    if others or (unknown and not takes_any):
        message = f"{shown} asks for {', '.join(others)}" if others else f"{shown} takes no {', '.join(unknown)}"
        fix = "give what it takes in `target.options`; `config` and `runtime` it is given"
        raise InputError(Problem(message=message, fix=fix, field="target.options"))
    positional = [
        name for name, parameter in signature.parameters.items() if parameter.kind is parameter.POSITIONAL_ONLY
    ]
    return signature.bind(
        *[given[name] for name in positional if name in given],
        **{name: value for name, value in given.items() if name not in positional},
    )


def _hints(factory: Callable[..., Any]) -> Mapping[str, Any]:
    # The names are there for factories that import them for type checkers only.
    names = {"ServerRuntime": ServerRuntime, "RunnableConfig": RunnableConfig}
    try:
        return typing.get_type_hints(factory, localns=names)
    except Exception:  # noqa: BLE001 - annotations that cannot be evaluated, which are of no use then
        return {}


def _is_runtime(hint: Any) -> bool:
    if get_origin(hint) is typing.Annotated:
        return _is_runtime(get_args(hint)[0])
    return hint is ServerRuntime or get_origin(hint) is ServerRuntime or _named(hint).endswith("Runtime")


def _named(hint: Any) -> str:
    """The name of an annotation, which may be text."""
    text = hint if isinstance(hint, str) else getattr(hint, "__name__", "")
    return text.partition("[")[0].rpartition(".")[2]
