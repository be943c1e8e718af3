"""The target that is a graph behind the LangGraph server API: `remote`, through LangGraph's `RemoteGraph`.

The server keeps each attempt's thread. Its stream shows the events of sub-graphs, and which of them begins after which
node; a `Command(goto=…)` between plain nodes looks like an edge there.
"""

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Interrupt
from langgraph_sdk import get_client
from langgraph_sdk.schema import RunCreateMetadata
from langsmith.run_helpers import get_current_run_tree
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from eval_pipeline.errors import CredentialsError
from eval_pipeline.messages import as_langchain, content_text
from eval_pipeline.settings import environment_variable
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.target import Target
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.graphs.configurable import configurable_of
from eval_pipeline.targets.graphs.schema import GraphSchema
from eval_pipeline.targets.graphs.session import STRUCTURED, FinalState, GraphSession
from eval_pipeline.targets.graphs.turn_input import TurnInputs
from eval_pipeline.targets.session import LiveSessionFactory
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
    """The URL of the server."""
    graph: str
    """The graph's name, or the id of an assistant."""
    api_key_variable: str | None = None
    """The environment variable that holds the server's key."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    """Headers of every request, by name."""
    input_key: str | None = None
    """As for `langgraph`."""
    output_key: str | None = None
    """As for `langgraph`."""
    context: Mapping[str, Any] = Field(default_factory=dict)
    """The runtime context of every case; a case's `context` goes first."""
    configurable: Mapping[str, Any] = Field(default_factory=dict)
    """Further keys of `configurable` in all cases; a case's `configurable` goes first."""
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

    reads_case = False

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
        self.graph, self._target, self.client = RemoteGraph(target.graph, client=client), target, client
        self._schema: GraphSchema | None = None

    async def schema(self) -> GraphSchema:
        """What the graph takes, as far as the server knows: asked once.

        Raises:
            RemoteGraphError: the server cannot be reached.
        """
        if self._schema is None:
            try:
                schemas: Any = await self.client.assistants.get_schemas(await self._assistant_id())
                self._schema = GraphSchema.of_server(schemas)
            except httpx.TransportError as error:
                raise RemoteGraphError(f"{self._target.url} cannot be reached: {error}") from error
            except httpx.HTTPError:  # it has no schema; the run reports a graph that is not there
                self._schema = GraphSchema()
        return self._schema

    async def _assistant_id(self) -> str:
        """The id of the assistant; where the target names a graph, of its own one."""
        try:
            return str(uuid.UUID(self._target.graph))
        except ValueError:
            assistants = await self.client.assistants.search(graph_id=self._target.graph, limit=1)
            return assistants[0]["assistant_id"] if assistants else self._target.graph

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RemoteSession":
        """A session on a thread of its own."""
        del attempt
        return RemoteSession(self, self._target, case=case, thread_id=thread_id)


class RemoteSession(GraphSession):
    """A thread of the server's."""

    def __init__(self, factory: RemoteSessionFactory, target: RemoteTarget, *, case: Case, thread_id: str) -> None:
        super().__init__(case, output_key=target.output_key)
        self._factory, self._graph, self._target = factory, factory.graph, target
        # A server takes `configurable` or `context`, not both, and gives the graph the one as the other.
        context = {**target.context, **case.context}
        values = {**configurable_of(case, thread_id, target.configurable), **context, "thread_id": thread_id}
        self._config = RunnableConfig(configurable=values, metadata=attempt_ids())
        if target.recursion_limit is not None:
            self._config["recursion_limit"] = target.recursion_limit

    @property
    def joins_trace(self) -> bool:
        """Whether the suite says so."""
        return self._target.joins_trace

    async def begin(self) -> None:
        """Ask the server what the graph takes."""
        self._inputs = TurnInputs(
            schema=await self._factory.schema(),
            case=self._case,
            input_key=self._target.input_key,
            user_message=lambda content: {"type": "human", "content": content, "id": str(uuid.uuid4())},
        )

    async def final_state(self) -> FinalState:
        """The state of the thread."""
        state = await self._factory.client.threads.get_state(self._config["configurable"]["thread_id"])
        return FinalState(values=state["values"], next=state["next"])

    async def run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> tuple[Any, list[Interrupt]]:
        """Run the graph once."""
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
        """What the server does not keep: the messages that were seen, and how many questions were answered."""
        return {"messages": messages_to_dict(as_langchain(self._messages)), "asked": self._answers.asked}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Go on, on the server's thread."""
        self._messages = messages_from_dict(list(memory.get("messages") or ()))
        self._answers.asked, self._first = memory["asked"], False


class RemoteGraphError(RuntimeError):
    """The deployed graph failed; an error of its case."""


def _message_of(data: Mapping[str, Any]) -> BaseMessage:
    """A message as the server writes it."""
    return as_langchain([data])[0]


def _messages(update: Any) -> list[BaseMessage]:
    """The messages in the update of a node, but for those by which a model returned its structured response."""
    messages = update.get("messages") if isinstance(update, Mapping) else None
    items = messages if isinstance(messages, list) else [messages]
    read = [_message_of(item) for item in items if isinstance(item, Mapping) and "type" in item]
    structured = update.get(STRUCTURED) if isinstance(update, Mapping) else None
    calls = [call for message in read if isinstance(message, AIMessage) for call in message.tool_calls]
    answers = {call["id"] for call in calls if structured is not None and call["args"] == structured}
    return [message for message in read if getattr(message, "tool_call_id", None) not in answers or not answers]
