"""The target that is a graph behind the LangGraph server API: `remote`, through LangGraph's `RemoteGraph`.

The server keeps each attempt's thread. Its stream shows the events of sub-graphs, and which of them begins after which
node; a `Command(goto=…)` between plain nodes looks like an edge there.
"""

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command, Interrupt
from langgraph_sdk import get_client
from langgraph_sdk.schema import RunCreateMetadata
from langsmith.run_helpers import get_current_run_tree
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.content.inputs import input_form, input_messages
from eval_pipeline.errors import CredentialsError, InputError, Problem
from eval_pipeline.messages import after_last_user, as_langchain, content_text
from eval_pipeline.settings import environment_variable
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.target import Target
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.langgraph import configurable_of, inputs_of_turn, output_text
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.targets.trajectory import Trajectory
from eval_pipeline.telemetry.attempt_ids import attempt_ids
from eval_pipeline.telemetry.trace_headers import trace_headers


class RemoteTarget(Target):
    """A graph deployed behind the LangGraph server API (`langgraph dev`, LangSmith deployments).

    It gets and gives what a `langgraph` target does, on a thread of its own for each attempt; the case's `runtime`
    options are in `configurable`.
    """

    kind: Literal["remote"]
    url: str
    graph: str
    """The graph's name, or the id of an assistant."""
    api_key_variable: str | None = None
    """The environment variable that holds the server's key."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    input_key: str | None = None
    output_key: str | None = None
    recursion_limit: int | None = Field(default=None, ge=1)
    """By default the deployed graph's own."""
    joins_trace: bool = False
    """Whether the deployment continues the trace by the headers that it gets (`langsmith-trace`, `baggage`), so that no
    runs are made of the calls that it reports. In any case the trace has the id of the deployment's run."""
    stream: bool = False
    """Whether answers are streamed, which measures the time to the first token (`ttft_s` of a turn)."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", value):
            reason = {"value": value, "fix": "write `https://…`, or `http://127.0.0.1:2024` for `langgraph dev`"}
            raise PydanticCustomError("url", "'{value}' is not the URL of a server", reason)
        return value

    @override
    def open(self, folder: Path) -> "RemoteSessionFactory":
        return RemoteSessionFactory(self)


class RemoteSessionFactory(LiveSessionFactory):
    """One deployment for all attempts; each attempt has a thread on its server."""

    def __init__(self, target: RemoteTarget) -> None:
        """Nothing is asked of the server yet.

        Raises:
            CredentialsError: the variable that should hold the key is not set.
        """
        key = None if target.api_key_variable is None else environment_variable(target.api_key_variable)
        if target.api_key_variable is not None and not key:
            message = f"{target.api_key_variable} is not set, which holds the key for {target.url}"
            raise CredentialsError(message, fix="set it in the environment, or leave `target.api_key_variable` out")
        # A target is never closed, so no connection may stay open for the next request.
        headers = {**target.headers, "Connection": "close"}
        client = get_client(url=target.url, api_key=key, headers=headers)
        self._graph, self._target = RemoteGraph(target.graph, client=client), target

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RemoteSession":
        """A session on a thread of its own."""
        del attempt
        return RemoteSession(self._graph, self._target, case=case, thread_id=thread_id)


class RemoteSession(LiveSession):
    """A thread of the server's."""

    def __init__(self, graph: RemoteGraph, target: RemoteTarget, *, case: Case, thread_id: str) -> None:
        self._graph, self._target, self._answers = graph, target, InterruptAnswers(case)
        self._config: RunnableConfig = {
            "configurable": configurable_of(case, thread_id),
            "metadata": attempt_ids(),
        }
        self._case, self._first = case, True
        if target.recursion_limit is not None:
            self._config["recursion_limit"] = target.recursion_limit
        self._earlier: list[str] = []
        """The ids of the messages of earlier turns."""

    @property
    def joins_trace(self) -> bool:
        """Whether the suite says so."""
        return self._target.joins_trace

    async def send(self, message: Any) -> Reply:
        """Run the deployed graph, once and then once for each question to a human."""
        trajectory, tokens = Trajectory(self.on_event, earlier=self._earlier), FirstTokens()
        first, self._first = self._first, False
        state = {**self._case.state} if first else {}
        key, form = self._target.input_key, input_form(message)
        if form == "mapping" and (key is None or key in message):
            return self._of_keys(await self._answered({**state, **message}, trajectory, tokens), trajectory, tokens)
        state |= inputs_of_turn(self._case, message)
        if key is not None:
            return self._of_keys(await self._answered({**state, key: message}, trajectory, tokens), trajectory, tokens)
        own: list[Any] = input_messages(message)
        if form in ("text", "blocks"):
            own = [{"type": "human", "content": message, "id": str(uuid.uuid4())}]
        sent = own[-1].get("id") if isinstance(own[-1], Mapping) else None
        history = self._case.messages if first else ()
        state = await self._answered({**state, "messages": [*history, *own]}, trajectory, tokens)
        if not isinstance(state, Mapping) or "messages" not in state:
            fix = "give `input_key` and `output_key`, or deploy a graph with a `messages` state"
            raise InputError(Problem(message="the graph's state has no `messages`", fix=fix, field="target"))
        messages = [_message_of(item) for item in state["messages"]]
        ids = [item.id for item in messages]
        answer = messages[ids.index(sent) + 1 :] if sent and sent in ids else after_last_user(messages)
        self._earlier = [message_id for message_id in ids if message_id is not None]
        text, events = trajectory.answer(answer)
        if self._target.output_key is not None:
            text = output_text(state, self._target.output_key) or ""
        return Reply(outputs=state, text=text, messages=answer, events=events, ttft_s=tokens.first(answer))

    def _of_keys(self, output: Any, trajectory: Trajectory, tokens: FirstTokens) -> Reply:
        text, events = output_text(output, self._target.output_key), trajectory.answer([])[1]
        return Reply(outputs=output, text=text, events=events, ttft_s=tokens.first(()))

    async def _answered(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> Any:
        while True:
            output, interrupts = await self._run(given, trajectory, tokens)
            if not interrupts:
                return output
            given = Command(resume=self._answers.resume(interrupts, trajectory.interrupted))

    async def _run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> tuple[Any, list[Interrupt]]:
        """The last state, and what a human is asked."""
        output: Any = None
        interrupts: list[Interrupt] = []
        modes = ["values", "updates", "messages"] if self._target.stream else ["values", "updates"]
        streamed: AsyncIterator[Any] = self._graph.astream(
            given,
            self._config,
            stream_mode=modes,  # type: ignore[arg-type]
            subgraphs=True,
            headers=trace_headers(),
            on_run_created=self._link,
        )
        try:
            async for path, mode, data in streamed:
                if mode == "messages":
                    self._token(data[0], tokens)
                elif mode == "values" and not path:
                    output = {name: value for name, value in data.items() if name != "__interrupt__"}
                elif mode == "updates" and not path and "__interrupt__" in data:
                    interrupts = [Interrupt(**item) for item in data["__interrupt__"]]
                elif mode == "updates":
                    for node, update in data.items():
                        if node != "__interrupt__":
                            trajectory.updated(path, node, _messages(update))
        except RemoteException as error:
            message = f"the graph {self._target.graph!r} at {self._target.url} failed: {error}"
            raise RemoteGraphError(message) from error
        return output, interrupts

    def _link(self, created: RunCreateMetadata) -> None:
        """Note in the trace which run of the server's this is, for a deployment that does not continue the trace."""
        current = get_current_run_tree()
        if current is not None:
            ids = {"remote_run_id": created["run_id"], "remote_thread_id": created.get("thread_id")}
            current.add_metadata({"remote_url": self._target.url, "remote_graph": self._target.graph, **ids})

    def _token(self, data: Any, tokens: FirstTokens) -> None:
        chunk = _message_of(data)
        if tokens.see(chunk):
            self.on_event({"type": "token", "content": content_text(chunk.content)})

    def memory(self) -> dict[str, Any]:
        """What the server does not keep: which messages are from before, and how many questions were answered."""
        return {"known": self._earlier, "asked": self._answers.asked}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on, on the server's thread."""
        self._earlier, self._answers.asked = list(memory["known"]), memory["asked"]
        self._first = False


class RemoteGraphError(RuntimeError):
    """The deployed graph failed; an error of its case."""


def _message_of(data: Mapping[str, Any]) -> BaseMessage:
    """A message as the server writes it."""
    return as_langchain([data])[0]


def _messages(update: Any) -> list[BaseMessage]:
    messages = update.get("messages") if isinstance(update, Mapping) else None
    items = messages if isinstance(messages, list) else [messages]
    return [_message_of(item) for item in items if isinstance(item, Mapping) and "type" in item]
