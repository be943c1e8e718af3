"""What happens inside a LangGraph graph while it answers: calls and results of sub-graphs, handoffs between agents.

The final state often keeps only a sub-agent's last word. LangChain's callbacks see every node, model and tool of
every sub-graph, in order.

A handoff is a `Command(goto=…)` that a node or a tool returned, or the beginning of a sub-graph (an agent) after
another node.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langgraph.errors import ParentCommand
from langgraph.graph import END
from langgraph.types import Command, Send
from typing_extensions import override

from eval_pipeline.messages import answer_of, content_text, read_messages
from eval_pipeline.targets.interrupts import question_text
from eval_pipeline.targets.session import EventHandler
from eval_pipeline.telemetry.event import Event

_Path = tuple[str, ...]
"""A node below the sub-graphs around it, each as LangGraph names its execution: `billing:<id>`."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A message, a handoff, or a question to a human."""

    message: BaseMessage | None = None
    in_state: bool = False
    """Whether a node returned the message; else it is only known from a model or a tool."""
    event: Event | None = None


class Trajectory(BaseCallbackHandler):
    """Watches one turn of one graph, as a callback."""

    run_inline = True  # in the order of events, rather than in the threads of an executor

    def __init__(self, on_event: EventHandler, *, earlier: Collection[str] = ()) -> None:
        """`earlier` are the ids of messages from before this turn."""
        self._on_event, self._earlier = on_event, set(earlier)
        self._seen: list[_Seen] = []
        self._parents: dict[UUID, UUID | None] = {}
        self._nodes: dict[UUID, _Path] = {}
        self._tools: set[UUID] = set()
        self._by_tool: set[UUID] = set()
        """Nodes whose commands were those of a tool, and were reported with it."""
        self._order: dict[_Path, list[str]] = {}
        self._entered: set[str] = set()
        self._going_to: str | None = None
        self._calls: dict[str, Event] = {}
        self._reported: set[tuple[str, str]] = set()

    # -- callbacks of LangChain

    @override
    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._parents[run_id] = parent_run_id
        node = (metadata or {}).get("langgraph_node")
        if node is None or kwargs.get("name") != node:
            return
        path = tuple(str((metadata or {}).get("langgraph_checkpoint_ns") or node).split("|"))
        if self._nodes.get(parent_run_id or run_id) == path:
            return  # the sub-graph has the node's own name
        self._nodes[run_id] = path
        if len(path) > 1 and not self._in_tool(run_id):
            self._enter(path[:-1], before=self._order.get(path[:-2], [])[:-1])  # the last one is the agent itself
        self._order.setdefault(path[:-1], []).append(_name(path[-1]))

    @override
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        path = self._nodes.get(run_id)
        if path is not None:
            self._returned(outputs, path, go=run_id not in self._by_tool)

    @override
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        path = self._nodes.get(run_id)
        if path is not None and isinstance(error, ParentCommand) and run_id not in self._by_tool:
            command = error.args[0]
            if command.graph == Command.PARENT:  # on its way up it is renamed
                self._returned(command, path, go=True)

    @override
    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        self._parents[run_id] = parent_run_id
        self._tools.add(run_id)
        self._report_call(str(kwargs.get("tool_call_id")))

    @override
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        node = self._node_around(run_id)
        if isinstance(output, Command) and node is not None:
            self._by_tool.add(node)
            self._returned(output, self._nodes[node], go=True)
        elif isinstance(output, ToolMessage):
            self._see(output, in_state=False)

    @override
    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        for generations in response.generations:
            if generations and isinstance(generations[0], ChatGeneration):
                self._see(generations[0].message, in_state=False)

    # -- updates of a server's stream, when a node has ended

    def updated(self, around: _Path, node: str, messages: Sequence[BaseMessage]) -> None:
        """The node below the sub-graphs `around` ended, and returned `messages`."""
        if around:
            self._enter(around, before=self._order.get(around[:-1], []))
        self._order.setdefault(around, []).append(node)
        for message in messages:
            self._see(message, in_state=True)

    # -- messages, calls and handoffs read from them

    def _in_tool(self, run_id: UUID | None) -> bool:
        """A graph that a tool runs is the tool's own business, not an agent that took over."""
        while run_id is not None:
            if run_id in self._tools:
                return True
            run_id = self._parents.get(run_id)
        return False

    def _node_around(self, run_id: UUID | None) -> UUID | None:
        while run_id is not None and run_id not in self._nodes:
            run_id = self._parents.get(run_id)
        return run_id

    def _enter(self, path: _Path, *, before: Sequence[str]) -> None:
        """A node begins in the sub-graph at `path`, after the nodes `before` beside it."""
        if path[-1] in self._entered:
            return
        self._entered.add(path[-1])
        agent = _name(path[-1])
        if self._going_to == agent:
            self._going_to = None
        elif before:
            self._hand_off(before[-1], agent)

    def _returned(self, output: Any, path: _Path, *, go: bool) -> None:
        for item in output if isinstance(output, list | tuple) else [output]:
            for message in _messages(item):
                self._see(message, in_state=True)
            if go and isinstance(item, Command):
                of_parent = item.graph == Command.PARENT and len(path) > 1
                for target in _targets(item):
                    self._going_to = target
                    self._hand_off(_name(path[-2] if of_parent else path[-1]), target)

    def _hand_off(self, origin: str, target: str) -> None:
        if origin != target:
            self._happened({"type": "handoff", "from": origin, "to": target})

    def interrupted(self, question: Any, answer: Any) -> None:
        """The graph asked a human, and was answered."""
        self._happened({"type": "interrupt", "content": question_text(question), "answer": answer})

    def _happened(self, event: Event) -> None:
        self._seen.append(_Seen(event=event))
        self._on_event(event)

    def _see(self, message: BaseMessage, *, in_state: bool) -> None:
        if message.id is not None and message.id in self._earlier:
            return
        self._seen.append(_Seen(message=message, in_state=in_state))
        if isinstance(message, AIMessage):
            for event in _events_of(message)[1]:
                if event["type"] == "tool_call":
                    self._calls.setdefault(str(event["id"]), event)
        elif isinstance(message, ToolMessage):
            self._report_call(message.tool_call_id)
            if ("result", message.tool_call_id) not in self._reported:
                self._reported.add(("result", message.tool_call_id))
                self._on_event(_events_of(message)[1][0])

    def _report_call(self, call_id: str) -> None:
        """A call is reported when its tool begins, because a model's structured answer looks like a call as well."""
        if call_id in self._calls and ("call", call_id) not in self._reported:
            self._reported.add(("call", call_id))
            self._on_event(self._calls[call_id])

    # -- the answer

    def answer(self, messages: Sequence[BaseMessage]) -> tuple[str, list[Event]]:
        """The text of `messages`, the answer in the final state, and the events that they and all else seen make up."""
        answer = {_key(message) for message in messages}
        calls = {call["id"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls}
        places: dict[Any, int] = {}
        for index, seen in enumerate(self._seen):
            if seen.message is not None:
                places.setdefault(_key(seen.message), index)
        events: list[Event] = []
        done = 0
        for message in messages:
            place = places.get(_key(message), -1)
            if place >= done:
                events += self._hidden(done, place, besides=answer, calls=calls)
                done = place + 1
            events += _events_of(message)[1]
        events += self._hidden(done, len(self._seen), besides=answer, calls=calls)
        return answer_of(read_messages(list(messages)))[0], events

    def _hidden(self, start: int, end: int, *, besides: set[Any], calls: set[str | None]) -> Iterator[Event]:
        """The events between two places that the messages of the answer do not hold."""
        for seen in self._seen[start:end]:
            if seen.event is not None:
                yield seen.event
            message = seen.message
            if message is None or _key(message) in besides or (seen.in_state and _key(message) is None):
                continue
            besides.add(_key(message))
            text, events = _events_of(message)
            if text and seen.in_state:
                yield {"type": "message", "content": text}
            for event in events:
                reported = ("call", str(event.get("id"))) in self._reported and event.get("id") not in calls
                if event["type"] != "tool_call" or reported:
                    yield event


class FirstTokens:
    """When each message of a streamed answer began, in seconds from when this was created."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: dict[str | None, float] = {}

    def see(self, chunk: Any) -> bool:
        """Note a chunk of the stream; whether it is text of a model's."""
        if not isinstance(chunk, AIMessage) or not content_text(chunk.content):
            return False
        self._first.setdefault(chunk.id, time.perf_counter() - self._started)
        return True

    def first(self, answer: Sequence[BaseMessage]) -> float | None:
        """When the answer began; where none of its messages was streamed, when the first message did."""
        ids = {message.id for message in answer}
        of_answer = [seconds for message_id, seconds in self._first.items() if message_id in ids]
        return min(of_answer or self._first.values(), default=None)


def _events_of(message: BaseMessage) -> tuple[str, list[Event]]:
    return answer_of(read_messages([message]))


def _key(message: BaseMessage) -> Any:
    """What identifies a message: reducers give ids, and results answer one call each."""
    return ("tool", message.tool_call_id) if isinstance(message, ToolMessage) else message.id


def _name(execution: str) -> str:
    return execution.rpartition(":")[0] or execution


def _targets(command: Command[Any]) -> list[str]:
    going: Sequence[Any] = [command.goto] if isinstance(command.goto, str | Send) else command.goto
    names = [target.node if isinstance(target, Send) else str(target) for target in going]
    return [name for name in names if name and name != END]


def _messages(output: Any) -> list[BaseMessage]:
    """The messages that a node or a tool returned."""
    if isinstance(output, Command):
        output = output.update
    if isinstance(output, Mapping):
        output = output.get("messages")
    items = output if isinstance(output, list | tuple) else [output]
    return [message for message in items if isinstance(message, BaseMessage)]
