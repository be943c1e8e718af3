"""A compiled LangGraph graph or entrypoint as a target."""

import dataclasses
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.types import Command

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.message_text import content_text
from eval_pipeline.suite.spec.target import LangGraphTarget as LangGraphSpec
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.messages import after_last_user, as_langchain
from eval_pipeline.targets.session import LiveSession, Reply, live_attempts
from eval_pipeline.targets.trajectory import Trajectory
from eval_pipeline.user_code.callbacks import callbacks_with


class LangGraphTarget:
    """One graph for all attempts; each attempt has a thread."""

    def __init__(self, found: Any, spec: LangGraphSpec) -> None:
        graph = found(**spec.options) if callable(found) and not isinstance(found, Pregel) else found
        if not isinstance(graph, Pregel):
            fix = "name a compiled graph, an entrypoint, or a callable that returns one"
            raise InputError(
                Problem(
                    message=f"{spec.path!r} gives a {type(graph).__name__}, not a graph", fix=fix, field="target.path"
                )
            )
        self._graph, self._spec = graph, spec

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as asked for."""
        del case
        return live_attempts(repetitions)

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "LangGraphSession":
        """A session on a thread of its own."""
        del attempt
        return LangGraphSession(self._graph, self._spec, case=case, thread_id=thread_id)


class LangGraphSession(LiveSession):
    """A thread of the graph. A graph with a checkpointer remembers it; for one without, the session does."""

    def __init__(self, graph: Pregel[Any, Any, Any, Any], spec: LangGraphSpec, *, case: Case, thread_id: str) -> None:
        self._answers = InterruptAnswers(case)
        # Only a graph that is checkpointed can go on after it was answered.
        lacks = self._answers.given and not graph.checkpointer
        self._graph = graph.copy({"checkpointer": InMemorySaver()}) if lacks else graph
        self._spec = spec
        known = {**known_of(case, thread_id), **_prompt()}
        self._context = context_of(graph.context_schema, known)
        self._config: RunnableConfig = {
            "configurable": known,
            "recursion_limit": spec.recursion_limit,
            "run_name": "target",
        }
        self._remembers = bool(self._graph.checkpointer)
        self._restored = False
        self._messages: list[BaseMessage] = []

    async def send(self, message: str) -> Reply:
        """Run the graph, once and then once for each question to a human."""
        known = [found.id for found in self._messages if found.id is not None]
        seen, tokens = Trajectory(self.tell, known=known), FirstTokens()
        if self._spec.input_key is not None:
            output = await self._answered({self._spec.input_key: message}, seen, tokens)
            found = seen.reply([])
            return Reply(response=self._output_text(output), events=found.events, ttft_s=tokens.first(()))
        said = HumanMessage(message, id=str(uuid.uuid4()))
        sent = [said] if await self._thread_is_there() else [*self._messages, said]
        state = await self._answered({"messages": sent}, seen, tokens)
        if not isinstance(state, Mapping) or "messages" not in state:
            fix = "give `input_key` and `output_key`, or have a `messages` state"
            raise InputError(Problem(message="the graph's state has no `messages`", fix=fix, field="target"))
        self._messages = as_langchain(state["messages"])
        answer = _after(self._messages, said)
        return dataclasses.replace(seen.reply(answer), ttft_s=tokens.first(answer))

    async def _thread_is_there(self) -> bool:
        """Whether the graph knows the conversation so far: its memory may have died with an earlier process."""
        if self._remembers and self._restored and self._messages:
            self._restored = False
            state = await self._graph.aget_state(self._config)
            return bool(isinstance(state.values, Mapping) and state.values.get("messages"))
        return self._remembers

    async def _answered(self, given: Any, seen: Trajectory, tokens: FirstTokens) -> Any:
        while True:
            output = await self._run(given, seen, tokens)
            asked = output.get("__interrupt__") if isinstance(output, Mapping) else None
            if not asked:
                return output
            answers = {}
            for found in asked:
                answers[found.id] = self._answers.answer(found.value)
                seen.interrupted(found.value, answers[found.id])
            given = Command(resume=answers)

    async def _run(self, given: Any, seen: Trajectory, tokens: FirstTokens) -> Any:
        config: RunnableConfig = {**self._config, "callbacks": callbacks_with(seen)}
        if not self._spec.stream:
            return await self._graph.ainvoke(given, config, context=self._context)
        output: Any = None
        streamed: AsyncIterator[Any] = self._graph.astream(
            given, config, context=self._context, stream_mode=["messages", "values"], subgraphs=True
        )
        async for path, mode, chunk in streamed:
            if mode == "messages" and tokens.see(chunk[0]):
                self.tell({"type": "token", "content": content_text(chunk[0].content)})
            elif mode == "values" and not path:
                output = chunk
        return output

    def memory(self) -> dict[str, Any]:
        """The messages so far, and how many questions were answered."""
        return {"messages": messages_to_dict(self._messages), "asked": self._answers.asked}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on with those messages, on the thread if it is still there."""
        self._messages = messages_from_dict(list(memory["messages"]))
        self._answers.asked = memory["asked"]
        self._restored = True

    def _output_text(self, output: Any) -> str:
        key = self._spec.output_key
        if key is not None:
            if not isinstance(output, Mapping) or key not in output:
                fix = "correct `output_key`"
                raise InputError(
                    Problem(message=f"the graph's output has no {key!r}", fix=fix, field="target.output_key")
                )
            output = output[key]
        return content_text(output)


def known_of(case: Case, thread_id: str) -> dict[str, Any]:
    """What a graph may know of its attempt: thread, case, and the case's runtime options."""
    runtime = {name: value for name, value in case.runtime.model_dump().items() if value not in (None, {})}
    return {"thread_id": thread_id, "case_id": case.id, **runtime}


def _prompt() -> dict[str, Any]:
    found = current_prompt()
    # LangChain copies text of `configurable` into the metadata of every run: the commit belongs there, the prompt not.
    return {} if found is None else {"prompt": found, "prompt_commit": found.commit}


def context_of(schema: type[Any] | None, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is known of what the graph's context schema declares; LangGraph makes the schema's object of it."""
    if schema is None:
        return None
    if dataclasses.is_dataclass(schema):
        names = {field.name for field in dataclasses.fields(schema) if field.init}
    else:
        names = {*getattr(schema, "model_fields", getattr(schema, "__annotations__", ()))}
    return {name: value for name, value in known.items() if name in names}


def _after(messages: Sequence[BaseMessage], said: HumanMessage) -> list[Any]:
    """The messages after `said`; a graph may say things in the user's name itself, or forget ids."""
    for index, message in enumerate(messages):
        if message.id == said.id:
            return list(messages[index + 1 :])
    return after_last_user(messages)
