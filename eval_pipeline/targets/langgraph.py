"""The target that is a compiled LangGraph graph or entrypoint: `langgraph`."""

import dataclasses
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.types import Command
from pydantic import Field
from typing_extensions import override

from eval_pipeline.content.inputs import input_form, input_messages
from eval_pipeline.content.message_text import content_text
from eval_pipeline.content.outputs import jsonable, outputs_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.target import CodeTarget
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.messages import after_last_user, as_langchain
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.targets.trajectory import FirstTokens, Trajectory


class LangGraphTarget(CodeTarget):
    """A compiled graph or entrypoint, or a callable that builds one from `options`.

    By default it works on a `messages` state. With `input_key` and `output_key` each turn is one invocation on
    `{input_key: text}`, and the answer is read from `output_key`. The case's `runtime` options, `case_id` and
    `thread_id` are in `configurable`, and in the runtime context where the graph's `context_schema` has such fields.
    """

    kind: Literal["langgraph"]
    input_key: str | None = None
    output_key: str | None = None
    recursion_limit: int = Field(default=50, ge=1)
    stream: bool = False
    """Whether answers are streamed, which measures the time to the first token (`ttft_s` of a turn)."""

    @property
    @override
    def takes_options(self) -> bool:
        return True

    @override
    def open(self, folder: Path) -> "LangGraphSessionFactory":
        return LangGraphSessionFactory(resolve(self.path, folder=folder), self)


class LangGraphSessionFactory(LiveSessionFactory):
    """One graph for all attempts; each attempt has a thread."""

    def __init__(self, named: Any, target: LangGraphTarget) -> None:
        """`named` is a graph, or builds one from the target's `options`.

        Raises:
            InputError: it is neither.
        """
        graph = named(**target.options) if callable(named) and not isinstance(named, Pregel) else named
        if not isinstance(graph, Pregel):
            message = f"{target.path!r} gives a {type(graph).__name__}, not a graph"
            fix = "name a compiled graph, an entrypoint, or a callable that returns one"
            raise InputError(Problem(message=message, fix=fix, field="target.path"))
        self._graph, self._target = graph, target

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "LangGraphSession":
        """A session on a thread of its own."""
        del attempt
        return LangGraphSession(self._graph, self._target, case=case, thread_id=thread_id)


class LangGraphSession(LiveSession):
    """A thread of the graph. A graph with a checkpointer remembers it; for one without, the session does."""

    def __init__(
        self, graph: Pregel[Any, Any, Any, Any], target: LangGraphTarget, *, case: Case, thread_id: str
    ) -> None:
        self._answers = InterruptAnswers(case)
        # Only a graph that is checkpointed can go on after a question to a human.
        lacks = self._answers.given and not graph.checkpointer
        self._graph = graph.copy({"checkpointer": InMemorySaver()}) if lacks else graph
        self._target = target
        values = {**configurable_of(case, thread_id), **_prompt()}
        self._context = _context_of(graph.context_schema, values)
        self._config: RunnableConfig = {
            "configurable": values,
            "recursion_limit": target.recursion_limit,
            "run_name": "target",
        }
        self._remembers = bool(self._graph.checkpointer)
        self._restored = False
        self._case, self._first = case, True
        self._messages: list[Any] = [*case.messages]

    async def send(self, message: Any) -> Reply:
        """Run the graph, once and then once for each question to a human."""
        earlier = [old.id for old in self._messages if isinstance(old, BaseMessage) and old.id is not None]
        trajectory, tokens = Trajectory(self.on_event, earlier=earlier), FirstTokens()
        given, sent = await self._given(message)
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

    async def _given(self, message: Any) -> tuple[Any, Any]:
        """What the graph is given, and the last message in it: None where the graph works on keys."""
        first, self._first = self._first, False
        state = {**self._case.state} if first else {}
        key, form = self._target.input_key, input_form(message)
        if form == "mapping" and (key is None or key in message):
            return {**state, **message}, None
        state |= inputs_of_turn(self._case, message)
        if key is not None:
            return {**state, key: message}, None
        # Messages that the case has are given as they are written.
        own: list[Any] = input_messages(message)
        if form in ("text", "blocks"):
            own = [HumanMessage(message, id=str(uuid.uuid4()))]
        known = await self._thread_exists() and not first
        return {**state, "messages": [*([] if known else self._messages), *own]}, own[-1]

    async def _thread_exists(self) -> bool:
        """Whether the graph remembers the conversation so far: an earlier process may have held it in memory."""
        if self._remembers and self._restored and self._messages:
            self._restored = False
            state = await self._graph.aget_state(self._config)
            return bool(isinstance(state.values, Mapping) and state.values.get("messages"))
        return self._remembers

    async def _answered(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> Any:
        while True:
            output = await self._run(given, trajectory, tokens)
            interrupts = output.get("__interrupt__") if isinstance(output, Mapping) else None
            if not interrupts:
                return output
            given = Command(resume=self._answers.resume(interrupts, trajectory.interrupted))

    async def _run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> Any:
        # A run that is given callbacks does not inherit those around it, such as a tracer's.
        around = RunnableConfig(callbacks=ensure_config().get("callbacks"))
        callbacks = merge_configs(around, {"callbacks": [trajectory]}).get("callbacks")
        config: RunnableConfig = {**self._config, "callbacks": callbacks}
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
        """The messages so far, and how many questions were answered."""
        return {"messages": messages_to_dict(as_langchain(self._messages)), "asked": self._answers.asked}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on with those messages, on the thread if it still exists."""
        self._messages = messages_from_dict(list(memory["messages"]))
        self._answers.asked = memory["asked"]
        self._restored, self._first = True, False


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
    """What a graph finds in `configurable`: thread, case, and the case's runtime options."""
    runtime = {name: value for name, value in case.runtime.model_dump().items() if value not in (None, {})}
    return {"thread_id": thread_id, "case_id": case.id, **runtime}


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
