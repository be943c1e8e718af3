"""The target that is a LangGraph graph: `langgraph`."""

import asyncio
import contextlib
import contextvars
import dataclasses
import threading
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langgraph.store.base import IndexConfig
from langgraph.types import Command
from pydantic import Field, field_validator
from typing_extensions import override

from eval_pipeline.content.inputs import input_form, input_messages, messages_of
from eval_pipeline.content.outputs import jsonable, outputs_text
from eval_pipeline.errors import EvalPipelineError, InputError, Problem
from eval_pipeline.messages import after_last_user, as_langchain, content_text
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import CoveredCode, covered_code, source_digest
from eval_pipeline.suite.spec.target import CodeTarget, PromptedTarget, Target
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.graphs.building import (
    BuiltGraph,
    FactoryCall,
    FactoryRuntime,
    asks_for_the_case,
    built_graph,
    is_factory,
)
from eval_pipeline.targets.graphs.memory import AttemptMemory, Shared
from eval_pipeline.targets.graphs.path import GraphPath, GraphSource
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.targets.trajectory import Trajectory, watching
from eval_pipeline.telemetry.attempt_ids import attempt_ids
from eval_pipeline.user_code.loop import run_in_loop


class LangGraphTarget(CodeTarget):
    """A graph: whatever `langgraph dev` takes.

    `path` names a compiled or uncompiled graph, an entrypoint, a runnable, or a factory of one, sync or async, also as
    a context manager; `langgraph.json:name` a graph of a project; `agent.py:graph.nodes[name]` one node of a graph.
    A factory is called for each attempt with `options`, and with `config` and `runtime` where it asks for them.

    Each attempt has a checkpointer, a store and a cache of its own, as on a server of LangGraph's.

    By default it works on a `messages` state. With `input_key` and `output_key` each turn is one invocation on
    `{input_key: text}`, and the answer is read from `output_key`. The case's `runtime` options, `case_id` and
    `thread_id` are in `configurable`, and in the runtime context where the graph's `context_schema` has such fields.
    """

    kind: Literal["langgraph"]
    input_key: str | None = None
    output_key: str | None = None
    recursion_limit: int | None = Field(default=None, ge=1)
    """By default the graph's own, or else LangGraph's."""
    share: tuple[Shared, ...] = ()
    """`store`, `cache`: what is the graph's own, so that attempts find in it what others left there."""
    stream: bool = False
    """Whether answers are streamed, which measures the time to the first token (`ttft_s` of a turn)."""

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        GraphPath.parse(value).checked()
        return value

    @property
    @override
    def takes_options(self) -> bool:
        return True

    @override
    def open(self, folder: Path) -> "LangGraphSessionFactory":
        path = GraphPath.parse(self.path)
        source = path.source(folder)
        index = None if source.project is None else source.project.index()
        return LangGraphSessionFactory(source.load(), self, node=path.node, name=source.name, index=index)

    @override
    def problems(self, folder: Path) -> Iterable[Problem]:
        yield from PromptedTarget.problems(self, folder)
        try:
            if self.prompt is None:
                self.open(folder)
            else:  # a factory may ask for the prompt, which is not there yet
                GraphPath.parse(self.path).source(folder).load()
        except InputError as error:
            yield from (
                replace(problem, field=(problem.field or "path").removeprefix("target.")) for problem in error.problems
            )

    @override
    def version_parts(self, folder: Path) -> Sequence[Any]:
        try:
            source = GraphPath.parse(self.path).source(folder)
        except InputError:  # which `problems` reports
            return ["unknown"]
        project = source.project
        own = source_digest(source.path, **self._covering(source))
        listed = [] if project is None else [{name: project.fields.get(name) for name in ("graphs", "store")}]
        return [own, *listed, *Target.version_parts(self, folder)]

    @override
    def covered_code(self, folder: Path) -> Mapping[str, CoveredCode | None]:
        try:
            source = GraphPath.parse(self.path).source(folder)
        except InputError:
            return {self.path: None}
        return {self.path: covered_code(source.path, **self._covering(source))}

    def _covering(self, source: GraphSource) -> dict[str, Any]:
        """What its version covers besides the path."""
        paths = () if source.project is None else source.project.search_paths
        return {"folder": source.folder, "version_files": self.version_files, "search_paths": paths}


class LangGraphSessionFactory(LiveSessionFactory):
    """A graph, or what builds one for each attempt."""

    def __init__(
        self,
        named: Any,
        target: LangGraphTarget,
        *,
        node: str | None = None,
        name: str | None = None,
        index: IndexConfig | None = None,
    ) -> None:
        """`named` is a graph, or builds one; one is built to see that it can.

        Raises:
            InputError: it is neither, or the building fails.
        """
        if target.options and not is_factory(named):
            message = f"{target.path!r} is a {type(named).__name__}, which takes no options"
            problem = Problem(message=message, fix="remove them, or name a factory", field="target.options")
            raise InputError(problem)
        self._named, self._target, self._node, self._name, self._index = named, target, node, name, index
        if not is_factory(named) or not asks_for_the_case(named, target.options):
            _run_now(self._tried())

    @contextlib.asynccontextmanager
    async def graph(self, memory: AttemptMemory, config: RunnableConfig) -> AsyncIterator[BuiltGraph]:
        """The graph of an attempt, with that memory; closed at the end.

        Raises:
            InputError: the path names no graph.
        """
        call = FactoryCall(
            runtime=FactoryRuntime(store=memory.store, context=config["configurable"]),
            config=config,
            options=self._target.options,
        )
        async with built_graph(self._named, call, node=self._node) as built:
            graph = memory.given_to(built.graph)
            if self._name is not None and graph.name == "LangGraph":
                graph.name = self._name
            yield replace(built, graph=graph)

    def memory(self) -> AttemptMemory:
        """The memory of a new attempt."""
        return AttemptMemory(index=self._index, share=self._target.share)

    async def _tried(self) -> None:
        try:
            async with self.graph(self.memory(), RunnableConfig(configurable={"thread_id": str(uuid.uuid4())})):
                pass
        except EvalPipelineError:
            raise
        except Exception as error:
            message = f"building the graph {self._target.path!r} failed with {type(error).__name__}: {error}"
            fix = "correct the factory, or give what it needs"
            raise InputError(Problem(message=message, fix=fix, field="target.path")) from error

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "LangGraphSession":
        """A session on a thread of its own."""
        del attempt
        return LangGraphSession(self, self._target, case=case, thread_id=thread_id)


class LangGraphSession(LiveSession):
    """A thread of the graph of one attempt."""

    repeats_runs = True

    def __init__(
        self, factory: LangGraphSessionFactory, target: LangGraphTarget, *, case: Case, thread_id: str
    ) -> None:
        self._factory, self._target, self._thread_id = factory, target, thread_id
        self._answers = InterruptAnswers(case)
        self._memory = factory.memory()
        self._opened = contextlib.AsyncExitStack()
        values = {**configurable_of(case, thread_id), **_prompt()}
        self._config = RunnableConfig(configurable=values, metadata=attempt_ids(), run_name="target")
        if target.recursion_limit is not None:
            self._config["recursion_limit"] = target.recursion_limit
        self._case, self._first = case, True
        self._messages: list[Any] = [*case.messages]

    async def begin(self) -> None:
        """Build the graph, if the target is a factory."""
        built = await self._opened.enter_async_context(self._factory.graph(self._memory, self._config))
        self._graph, self._keeps_state = built.graph, built.keeps_state
        self._context = _context_of(self._graph.context_schema, self._config["configurable"])

    async def close(self) -> None:
        """Close what the factory opened."""
        await self._opened.aclose()

    async def send(self, message: Any) -> Reply:
        """Run the graph, once and then once for each question to a human."""
        earlier = [old.id for old in self._messages if isinstance(old, BaseMessage) and old.id is not None]
        trajectory, tokens = Trajectory(self.on_event, earlier=earlier), FirstTokens()
        given, sent = self._given(message)
        output = await self._answered(given, trajectory, tokens)
        if sent is None or not isinstance(output, Mapping) or "messages" not in output:
            if sent is not None and self._target.output_key is None:
                fix = "give `input_key` and `output_key`, or have a `messages` state"
                raise InputError(Problem(message="the graph's state has no `messages`", fix=fix, field="target"))
            text, events = output_text(output, self._target.output_key), trajectory.answer([])[1]
            return Reply(outputs=output, text=text, events=events, ttft_s=tokens.first(()))
        self._messages = as_langchain(output["messages"])
        answer = _after(self._messages, sent)
        text, events = trajectory.answer(answer)
        if self._target.output_key is not None:
            text = output_text(output, self._target.output_key)
        return Reply(outputs=output, text=text, messages=answer, events=events, ttft_s=tokens.first(answer))

    def _given(self, message: Any) -> tuple[Any, Any]:
        """What the graph is given, and the last message in it: None where the graph works on keys."""
        first, self._first = self._first, False
        state = {**self._case.state} if first else {}
        key, form = self._target.input_key, input_form(message)
        if form == "mapping" and (key is None or key in message):
            return {**state, **message}, None
        if key is None and self._case.is_made_of_inputs and (given := messages_of(self._case.example_inputs())):
            # The messages as they are written, as `graph.invoke` would get them.
            return {**state, **self._case.example_inputs(), "messages": given}, given[-1]
        state |= inputs_of_turn(self._case, message)
        if key is not None:
            return {**state, key: message}, None
        # Messages that the case has are given as they are written.
        own: list[Any] = input_messages(message)
        if form in ("text", "blocks"):
            own = [HumanMessage(message, id=str(uuid.uuid4()))]
        earlier = self._messages if first or not self._keeps_state else []
        return {**state, "messages": [*earlier, *own]}, own[-1]

    async def _answered(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> Any:
        while True:
            output = await self._run(given, trajectory, tokens)
            interrupts = output.get("__interrupt__") if isinstance(output, Mapping) else None
            if not interrupts:
                await self._require_end()
                return output
            given = Command(resume=self._answers.resume(interrupts, trajectory.interrupted))

    async def _require_end(self) -> None:
        """Refuse the state of a graph that stopped where it was compiled to (`interrupt_before`, `interrupt_after`)."""
        state = await self._graph.aget_state(self._config)
        if state.next:
            raise StoppedGraphError(state.next)

    async def _run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> Any:
        # A run that is given callbacks does not inherit those around it, such as a tracer's.
        around = RunnableConfig(callbacks=ensure_config().get("callbacks"))
        callbacks = merge_configs(around, {"callbacks": [trajectory]}).get("callbacks")
        config: RunnableConfig = {**self._config, "callbacks": callbacks}
        with watching(None):  # by this trajectory alone
            return await self._output(given, config, tokens)

    async def _output(self, given: Any, config: RunnableConfig, tokens: FirstTokens) -> Any:
        if not self._target.stream:
            return await self._graph.ainvoke(given, config, context=self._context)
        output: Any = None
        streamed: AsyncIterator[Any] = self._graph.astream(
            given, config, context=self._context, stream_mode=["messages", "values"], subgraphs=True
        )
        async for path, mode, chunk in streamed:
            if mode == "messages" and tokens.see(chunk[0]):
                self.on_event({"type": "token", "content": content_text(chunk[0].content)})
            elif mode == "values" and not path:
                output = chunk
        return output

    def memory(self) -> dict[str, Any]:
        """The messages so far, how many questions were answered, and what the graph remembers."""
        remembered = self._memory.exported(self._thread_id)
        return {"messages": messages_to_dict(as_langchain(self._messages)), "asked": self._answers.asked, **remembered}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._messages = messages_from_dict(list(memory["messages"]))
        self._answers.asked = memory["asked"]
        self._first = False
        if "checkpoints" in memory:
            self._memory.restore(self._thread_id, memory)
        else:  # written before graphs had memory of their own
            self._keeps_state = False


class StoppedGraphError(RuntimeError):
    """The graph stopped before its end; an error of its case."""

    def __init__(self, nodes: Sequence[str]) -> None:
        where = " and ".join(map(repr, nodes))
        super().__init__(f"the graph stopped before {where}, where it was compiled to stop, and not at its end")


def _run_now(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, also where an event loop is running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run_in_loop(work)
        return
    context, failed = contextvars.copy_context(), []

    def run() -> None:
        try:
            context.run(asyncio.run, work)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run, name="eval_pipeline opening a graph")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def inputs_of_turn(case: Case, message: Any) -> dict[str, Any]:
    """The inputs of the case besides the turn's own, which fill the keys of the graph's state that they name."""
    if not isinstance(case.inputs, Mapping) or len(case.turns) != 1:
        return {}
    return {name: value for name, value in case.inputs.items() if name != "messages" and value != message}


def output_text(output: Any, key: str | None) -> str | None:
    """The text that a person reads of the value at `key` in a graph's output; None without a key.

    Raises:
        InputError: there is nothing at `key`.
    """
    if key is None:
        return None
    if not isinstance(output, Mapping) or key not in output:
        fix = "correct `output_key`"
        raise InputError(Problem(message=f"the graph's output has no {key!r}", fix=fix, field="target.output_key"))
    return outputs_text(jsonable(output[key]))


def configurable_of(case: Case, thread_id: str) -> dict[str, Any]:
    """What a graph finds in `configurable`: thread, case, example, shared context, and the case's runtime options."""
    runtime = {name: value for name, value in case.runtime.model_dump().items() if value not in (None, {})}
    return {"thread_id": thread_id, "case_id": case.id, **attempt_ids(), **runtime}


def _prompt() -> dict[str, Any]:
    prompt = current_prompt()
    # LangChain copies text of `configurable` into the metadata of every run: the commit belongs there, the prompt not.
    return {} if prompt is None else {"prompt": prompt, "prompt_commit": prompt.commit}


def _context_of(schema: type[Any] | None, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Those of `values` that the graph's context schema declares; LangGraph makes the schema's object of them."""
    if schema is None:
        return None
    if dataclasses.is_dataclass(schema):
        names = {field.name for field in dataclasses.fields(schema) if field.init}
    else:
        names = {*getattr(schema, "model_fields", getattr(schema, "__annotations__", ()))}
    return {name: value for name, value in values.items() if name in names}


def _after(messages: Sequence[BaseMessage], sent: Any) -> list[Any]:
    """The messages after `sent`; a graph may write messages in the user's name itself, or drop ids."""
    for index, message in enumerate(messages):
        if isinstance(sent, BaseMessage) and message.id == sent.id:
            return list(messages[index + 1 :])
    return after_last_user(messages)
