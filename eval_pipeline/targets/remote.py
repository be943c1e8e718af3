"""A graph deployed behind the LangGraph server API as a target, through LangGraph's `RemoteGraph`.

The server keeps each attempt's thread. Its stream tells what sub-graphs do and which of them begins after which
node; a `Command(goto=…)` between plain nodes cannot be told from an edge there.
"""

import dataclasses
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

from langchain_core.messages import BaseMessage, messages_from_dict
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command, Interrupt
from langgraph_sdk import get_client

from eval_pipeline.errors import CredentialsError, InputError, Problem
from eval_pipeline.settings import environment_variable
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.message_text import content_text
from eval_pipeline.suite.spec.target import RemoteTarget as RemoteSpec
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.langgraph_graph import known_of
from eval_pipeline.targets.messages import after_last_user
from eval_pipeline.targets.session import LiveSession, Reply, live_attempts
from eval_pipeline.targets.trajectory import Trajectory


class RemoteTarget:
    """One deployment for all attempts; each attempt has a thread on its server."""

    def __init__(self, spec: RemoteSpec) -> None:
        """Nothing is asked of the server yet.

        Raises:
            CredentialsError: the variable that should hold the key is not set.
        """
        key = None if spec.api_key_variable is None else environment_variable(spec.api_key_variable)
        if spec.api_key_variable is not None and not key:
            message = f"{spec.api_key_variable} is not set, which holds the key for {spec.url}"
            raise CredentialsError(message, fix="set it in the environment, or leave `target.api_key_variable` out")
        # Nobody tells a target that it is no longer needed, so no connection may wait for more to be asked.
        headers = {**spec.headers, "Connection": "close"}
        client = get_client(url=spec.url, api_key=key, headers=headers)
        self._graph, self._spec = RemoteGraph(spec.graph, client=client), spec

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as asked for."""
        del case
        return live_attempts(repetitions)

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RemoteSession":
        """A session on a thread of its own."""
        del attempt
        return RemoteSession(self._graph, self._spec, case=case, thread_id=thread_id)


class RemoteSession(LiveSession):
    """A thread of the server's."""

    def __init__(self, graph: RemoteGraph, spec: RemoteSpec, *, case: Case, thread_id: str) -> None:
        self._graph, self._spec, self._answers = graph, spec, InterruptAnswers(case)
        self._config: RunnableConfig = {
            "configurable": known_of(case, thread_id),
            "recursion_limit": spec.recursion_limit,
        }
        self._known: list[str] = []

    async def send(self, message: str) -> Reply:
        """Run the deployed graph, once and then once for each question to a human."""
        seen, tokens = Trajectory(self.tell, known=self._known), FirstTokens()
        if self._spec.input_key is not None:
            output = await self._answered({self._spec.input_key: message}, seen, tokens)
            found = seen.reply([])
            return Reply(response=self._output_text(output), events=found.events, ttft_s=tokens.first(()))
        said = {"type": "human", "content": message, "id": str(uuid.uuid4())}
        state = await self._answered({"messages": [said]}, seen, tokens)
        if not isinstance(state, Mapping) or "messages" not in state:
            fix = "give `input_key` and `output_key`, or deploy a graph with a `messages` state"
            raise InputError(Problem(message="the graph's state has no `messages`", fix=fix, field="target"))
        messages = [message_of(item) for item in state["messages"]]
        ids = [found.id for found in messages]
        answer = messages[ids.index(said["id"]) + 1 :] if said["id"] in ids else after_last_user(messages)
        self._known = [found for found in ids if found is not None]
        return dataclasses.replace(seen.reply(answer), ttft_s=tokens.first(answer))

    async def _answered(self, given: Any, seen: Trajectory, tokens: FirstTokens) -> Any:
        while True:
            output, asked = await self._run(given, seen, tokens)
            if not asked:
                return output
            answers = {}
            for found in asked:
                answers[found.id] = self._answers.answer(found.value)
                seen.interrupted(found.value, answers[found.id])
            given = Command(resume=answers)

    async def _run(self, given: Any, seen: Trajectory, tokens: FirstTokens) -> tuple[Any, list[Interrupt]]:
        """The last state, and what a human is asked."""
        output: Any = None
        asked: list[Interrupt] = []
        modes = ["values", "updates", "messages"] if self._spec.stream else ["values", "updates"]
        streamed: AsyncIterator[Any] = self._graph.astream(
            given,
            self._config,
            stream_mode=modes,  # type: ignore[arg-type]
            subgraphs=True,
        )
        try:
            async for path, mode, data in streamed:
                if mode == "messages":
                    self._token(data[0], tokens)
                elif mode == "values" and not path:
                    output = {name: value for name, value in data.items() if name != "__interrupt__"}
                elif mode == "updates" and not path and "__interrupt__" in data:
                    asked = [Interrupt(**item) for item in data["__interrupt__"]]
                elif mode == "updates":
                    for node, update in data.items():
                        if node != "__interrupt__":
                            seen.updated(path, node, _messages(update))
        except RemoteException as error:
            raise RemoteGraphError(f"the graph {self._spec.graph!r} at {self._spec.url} failed: {error}") from error
        return output, asked

    def _token(self, data: Any, tokens: FirstTokens) -> None:
        chunk = message_of(data)
        if tokens.see(chunk):
            self.tell({"type": "token", "content": content_text(chunk.content)})

    def _output_text(self, output: Any) -> str:
        key = self._spec.output_key
        if key is None:
            return content_text(output)
        if not isinstance(output, Mapping) or key not in output:
            fix = "correct `output_key`"
            raise InputError(Problem(message=f"the graph's output has no {key!r}", fix=fix, field="target.output_key"))
        return content_text(output[key])

    def memory(self) -> dict[str, Any]:
        """What the server does not keep: which messages are from before, and how many questions were answered."""
        return {"known": self._known, "asked": self._answers.asked}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on, on the server's thread."""
        self._known, self._answers.asked = list(memory["known"]), memory["asked"]


class RemoteGraphError(RuntimeError):
    """The deployed graph failed; an error of its case."""


def message_of(data: Mapping[str, Any]) -> BaseMessage:
    """A message as the server writes it."""
    return messages_from_dict([{"type": data["type"], "data": dict(data)}])[0]


def _messages(update: Any) -> list[BaseMessage]:
    found = update.get("messages") if isinstance(update, Mapping) else None
    items = found if isinstance(found, list) else [found]
    return [message_of(item) for item in items if isinstance(item, Mapping) and "type" in item]
