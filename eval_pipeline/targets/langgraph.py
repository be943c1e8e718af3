"""The target that is a LangGraph graph: `langgraph`."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langgraph.store.base import IndexConfig
from langgraph.types import Interrupt
from pydantic import Field, field_validator
from typing_extensions import override

from eval_pipeline.errors import EvalPipelineError, InputError, Problem
from eval_pipeline.messages import as_langchain, content_text
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
from eval_pipeline.targets.graphs.case_checks import CaseChecks
from eval_pipeline.targets.graphs.configurable import configurable_of
from eval_pipeline.targets.graphs.memory import AttemptMemory, Shared
from eval_pipeline.targets.graphs.path import GraphPath, GraphSource
from eval_pipeline.targets.graphs.schema import GraphSchema, fields_of
from eval_pipeline.targets.graphs.session import FinalState, GraphSession
from eval_pipeline.targets.graphs.turn_input import TurnInputs
from eval_pipeline.targets.session import LiveSessionFactory
from eval_pipeline.targets.trajectory import Trajectory, watching
from eval_pipeline.telemetry.attempt_ids import attempt_ids
from eval_pipeline.user_code.loop import run_anywhere


class LangGraphTarget(CodeTarget):
    """A graph: whatever `langgraph dev` takes.

    `path` names a compiled or uncompiled graph, an entrypoint, a runnable, or a factory of one, sync or async, also as
    a context manager; `langgraph.json:name` a graph of a project; `agent.py:graph.nodes[name]` one node of a graph.
    A factory is called for each attempt with `options`, and with `config` and `runtime` where it asks for them.

    Each attempt has a checkpointer, a store and a cache of its own, as on a server of LangGraph's.

    A turn's input is a message in `messages`, or fills the keys of the graph's input by name; `input_key` names the one
    that takes it. The answer is the graph's whole output; what a person reads of it is its last message, or the value
    at `output_key`. The case's `runtime` options, `case_id` and `thread_id` are in `configurable`, and in the runtime
    context where the graph's `context_schema` has such fields.
    """

    kind: Literal["langgraph"]
    input_key: str | None = None
    """The key of the graph's input that takes a turn's input; by default `messages`, or keys by name."""
    output_key: str | None = None
    """The key of the final state that a person reads; by default the last message."""
    recursion_limit: int | None = Field(default=None, ge=1)
    """By default the graph's own, or else LangGraph's."""
    context: Mapping[str, Any] = Field(default_factory=dict)
    """The runtime context of every case, by the fields of `context_schema`; a case's `context` goes first."""
    configurable: Mapping[str, Any] = Field(default_factory=dict)
    """Further keys of `configurable` in all cases; a case's `configurable` goes first."""
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

    def context_of(self, case: Case, declared: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The runtime context of a case; `declared` are values that the graph's schema has fields for."""
        return {**(declared or {}), **self.context, **case.context}

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
    def problems_of_cases(self, folder: Path, cases: Sequence[Case]) -> Iterable[Problem]:
        try:
            factory = self.open(folder) if cases and self.prompt is None else None
        except InputError:  # which `problems` reports
            return
        if factory is not None:
            try:
                schema = factory.schema_for(cases[0])
            except InputError as error:
                yield from (replace(problem, case=cases[0].id) for problem in error.problems)
                return
            checks = CaseChecks(
                schema=schema, input_key=self.input_key, context=self.context, configurable=self.configurable
            )
            yield from checks.problems(cases)

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

    reads_case = False
    reads_context_here = True

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
        self._schema: GraphSchema | None = None
        if not is_factory(named) or not asks_for_the_case(named, target.options):
            config = RunnableConfig(configurable={"thread_id": str(uuid.uuid4())})
            self._schema = run_anywhere(self._tried(config, target.context))

    @contextlib.asynccontextmanager
    async def graph(
        self, memory: AttemptMemory, config: RunnableConfig, context: Mapping[str, Any]
    ) -> AsyncIterator[BuiltGraph]:
        """The graph of an attempt, with that memory; closed at the end.

        Raises:
            InputError: the path names no graph.
        """
        call = FactoryCall(
            runtime=FactoryRuntime(store=memory.store, context=context),
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

    def schema_for(self, case: Case) -> GraphSchema:
        """What the graph takes; built for a case, if its factory asks for one.

        Raises:
            InputError: the building fails.
        """
        if self._schema is not None:
            return self._schema
        config = RunnableConfig(configurable=configurable_of(case, str(uuid.uuid4()), self._target.configurable))
        return run_anywhere(self._tried(config, self._target.context_of(case)))

    async def _tried(self, config: RunnableConfig, context: Mapping[str, Any]) -> GraphSchema:
        try:
            async with self.graph(self.memory(), config, context) as built:
                return built.schema
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


class LangGraphSession(GraphSession):
    """A thread of the graph of one attempt."""

    repeats_runs = True

    def __init__(
        self, factory: LangGraphSessionFactory, target: LangGraphTarget, *, case: Case, thread_id: str
    ) -> None:
        super().__init__(case, output_key=target.output_key)
        self._factory, self._target, self._thread_id = factory, target, thread_id
        self._memory = factory.memory()
        self._opened = contextlib.AsyncExitStack()
        values = {**configurable_of(case, thread_id, target.configurable), **_prompt()}
        self._config = RunnableConfig(configurable=values, metadata=attempt_ids(), run_name="target")
        if target.recursion_limit is not None:
            self._config["recursion_limit"] = target.recursion_limit

    async def begin(self) -> None:
        """Build the graph, if the target is a factory."""
        built = await self._opened.enter_async_context(
            self._factory.graph(self._memory, self._config, self._target.context_of(self._case))
        )
        self._graph, self._keeps_state = built.graph, built.keeps_state
        declared = _declared(built.schema.context, self._config["configurable"])
        context = self._target.context_of(self._case, declared)
        # As on a server: a schema whose fields all have defaults needs no value.
        self._context = context if context or fields_of(built.schema.context) else None
        self._inputs = TurnInputs(
            schema=built.schema, case=self._case, input_key=self._target.input_key, user_message=_user_message
        )

    async def close(self) -> None:
        """Close what the factory opened."""
        await self._opened.aclose()

    async def final_state(self) -> FinalState:
        """The state of the thread."""
        state = await self._graph.aget_state(self._config)
        return FinalState(values=state.values, next=state.next)

    async def run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> tuple[Any, list[Interrupt]]:
        """Run the graph once."""
        # A run that is given callbacks does not inherit those around it, such as a tracer's.
        around = RunnableConfig(callbacks=ensure_config().get("callbacks"))
        callbacks = merge_configs(around, {"callbacks": [trajectory]}).get("callbacks")
        config: RunnableConfig = {**self._config, "callbacks": callbacks}
        with watching(None):  # by this trajectory alone
            output = await self._output(given, config, tokens)
        if isinstance(output, Mapping) and "__interrupt__" in output:
            return output, list(output["__interrupt__"])
        return output, []

    async def _output(self, given: Any, config: RunnableConfig, tokens: FirstTokens) -> Any:
        if not self._target.stream:
            return await self._graph.ainvoke(given, config, context=self._context)
        output: Any = None
        streamed: AsyncIterator[Any] = self._graph.astream(
            given,
            config,
            context=self._context,
            stream_mode=["messages", "values"],
            output_keys=self._graph.output_channels,  # as `ainvoke` gives them
            subgraphs=True,
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


def _user_message(content: Any) -> HumanMessage:
    return HumanMessage(content, id=str(uuid.uuid4()))


def _prompt() -> dict[str, Any]:
    prompt = current_prompt()
    # LangChain copies text of `configurable` into the metadata of every run: the commit belongs there, the prompt not.
    return {} if prompt is None else {"prompt": prompt, "prompt_commit": prompt.commit}


def _declared(schema: type[Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that the graph's context schema declares."""
    return {name: values[name] for name in fields_of(schema) if name in values}
