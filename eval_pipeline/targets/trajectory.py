"""What happens inside a LangGraph graph while it answers: calls and results of sub-graphs, handoffs between agents.

The final state often keeps only a sub-agent's last word. LangChain's callbacks see every node, model and tool of
every sub-graph, in order.

A handoff is a `Command(goto=…)` from one agent to another, returned by a node or a tool, or the beginning of a
sub-graph after another node. An agent is a sub-graph, or a node that calls a model.
"""

import contextlib
import contextvars
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook
from langgraph.errors import ParentCommand
from langgraph.types import Command
from typing_extensions import override

from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.messages import answer_of, read_messages
from eval_pipeline.messages.content import result_text
from eval_pipeline.runs.collecting_client import collection_in_progress
from eval_pipeline.targets.declined import declined_tools
from eval_pipeline.targets.interrupts import question_text
from eval_pipeline.targets.node_outputs import are_results, goes_to, has_command, messages_of_output
from eval_pipeline.targets.session import EventHandler
from eval_pipeline.telemetry.event import Event

_Path = tuple[str, ...]
"""A node below the sub-graphs around it, each as LangGraph names its execution: `billing:<id>`."""


@dataclass(kw_only=True)
class _Seen:
    """A message, a handoff, or a question to a human."""

    message: BaseMessage | None = None
    in_state: bool = False
    """Whether a node returned the message; else it is only known from a model or a tool."""
    event: Event | None = None
    """None of a message, and of a handoff to what may not be an agent."""


@dataclass(frozen=True, kw_only=True)
class _Handoff:
    """A handoff by command, that happens if its target is an agent."""

    level: _Path
    target: str
    event: Event
    seen: _Seen


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
        """The nodes below each path that began, in order."""
        self._agents: set[tuple[_Path, str]] = set()
        """The nodes that are agents, each with the path around it."""
        self._pending: list[_Handoff] = []
        self._entering: list[_Seen] = []
        """The handoff to the sub-graph that began last, as a server shows it."""
        self._entered: set[str] = set()
        self._going_to: str | None = None
        self._calls: dict[str, Event] = {}
        """The calls that models requested, by id."""
        self._unasked: dict[UUID, Event] = {}
        """The calls of tools that no model requested, by the tool's run."""
        self._declined: set[str] = set()
        """The ids of calls that a human declined."""
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
    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._called_model(kwargs.get("parent_run_id"))

    @override
    def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._called_model(kwargs.get("parent_run_id"))

    @override
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        path = self._nodes.get(run_id)
        if path is None:
            return
        if self._pending or has_command(outputs):
            self._look_for_models(run_id, path)
        self._pending = [each for each in self._pending if (each.level, each.target) != (path[:-1], _name(path[-1]))]
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
        call_id, args = kwargs.get("tool_call_id"), kwargs.get("inputs")
        args = args if isinstance(args, dict) else {"input": input_str}
        name = str(kwargs.get("name") or (serialized or {}).get("name"))
        if str(call_id) in self._calls:
            # As executed: a human may have edited the call.
            self._calls[str(call_id)] = {**self._calls[str(call_id)], "name": name, "args": args}
            self._report_call(str(call_id))
        else:
            self._unasked[run_id] = {"type": "tool_call", "name": name, "args": args, "id": call_id}
            self._on_event(self._unasked[run_id])

    @override
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        call = self._unasked.pop(run_id, None)
        if call is not None and not isinstance(output, ToolMessage | Command):
            content = result_text(plain(output))
            self._on_event({"type": "tool_result", "name": call["name"], "id": call["id"], "content": content})
        node = self._node_around(run_id)
        if isinstance(output, Command) and node is not None:
            self._by_tool.add(node)
            self._returned(output, self._nodes[node], go=True, by_tool=True)
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
        if around and around[-1] not in self._entered:
            self._settle()
            before = len(self._seen)
            self._enter(around, before=self._order.get(around[:-1], []), report=False)
            self._entering = self._seen[before:]
        elif are_results(messages) and [seen.event["to"] for seen in self._entering if seen.event] == [node]:
            # A server does not show tools: a node that returns results of tools alone is none that took over.
            self._entering[0].event, self._entering = None, []
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

    def _settle(self) -> None:
        """Report that the sub-graph that began last, of which a server has shown no more since, took over."""
        for seen in self._entering:
            if seen.event is not None:
                self._on_event(seen.event)
        self._entering = []

    def _enter(self, path: _Path, *, before: Sequence[str], report: bool = True) -> None:
        """A node begins in the sub-graph at `path`, after the nodes `before` beside it."""
        if path[-1] in self._entered:
            return
        self._entered.add(path[-1])
        agent = _name(path[-1])
        self._is_agent(path)
        before = [node for node in before if not _is_plumbing(node)]
        if self._going_to == agent:
            self._going_to = None
        elif before and before[-1] != agent:
            self._seen.append(_Seen(event={"type": "handoff", "from": before[-1], "to": agent}))
            if report:
                self._on_event(self._seen[-1].event or {})

    def _called_model(self, run_id: UUID | None) -> None:
        """A model is called below a run: the nodes around it are agents, unless a tool calls it."""
        node = self._node_around(run_id)
        if node is not None and not self._in_tool(run_id):
            self._is_agent(self._nodes[node])

    def _look_for_models(self, run_id: UUID, path: _Path) -> None:
        """Models of other libraries, such as wrapped clients, are among the collected runs alone."""
        collection = collection_in_progress()
        for run in [] if collection is None else collection.since(0):
            if run.run_type == "llm" and str(run_id) in run.parent_ids and not self._in_tool(run_id):
                self._is_agent(path)
                return

    def _is_agent(self, path: _Path) -> None:
        """The node at `path` is an agent, and so are those around it: what was handed to them is a handoff."""
        for depth in range(1, len(path) + 1):
            agent = (path[: depth - 1], _name(path[depth - 1]))
            if agent in self._agents:
                continue
            self._agents.add(agent)
            confirmed = [each for each in self._pending if (each.level, each.target) == agent]
            self._pending = [each for each in self._pending if each not in confirmed]
            for handoff in confirmed:
                handoff.seen.event = handoff.event
                self._on_event(handoff.event)

    def _returned(self, output: Any, path: _Path, *, go: bool, by_tool: bool = False) -> None:
        for item in output if isinstance(output, list | tuple) else [output]:
            for message in messages_of_output(item):
                self._see(message, in_state=True)
            if go and isinstance(item, Command):
                of_parent = item.graph == Command.PARENT and len(path) > 1
                for target in goes_to(item):
                    self._going_to = target
                    self._hand_off(path[:-1] if of_parent else path, target, by_tool=by_tool)

    def _hand_off(self, origin: _Path, target: str, *, by_tool: bool) -> None:
        """The node at `origin` goes to the node `target` beside it; a tool's node does so for the agent before it."""
        level = origin[:-1]
        nodes = [_name(origin[-1]), *(reversed(self._order.get(level, [])) if by_tool else ())]
        agent = next((node for node in nodes if (level, node) in self._agents), None)
        if agent is None or agent == target:
            return
        event = {"type": "handoff", "from": agent, "to": target}
        if (level, target) in self._agents:
            self._happened(event)
            return
        self._seen.append(_Seen())
        self._pending.append(_Handoff(level=level, target=target, event=event, seen=self._seen[-1]))

    def interrupted(self, question: Any, answer: Any) -> None:
        """The graph asked a human, and was answered."""
        declined = declined_tools(question, answer)
        for call_id, call in self._calls.items():
            waits = ("call", call_id) not in self._reported and ("result", call_id) not in self._reported
            if waits and (declined is None or call["name"] in declined):
                self._declined.add(call_id)
                if declined is not None:
                    declined.remove(call["name"])
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
        elif isinstance(message, ToolMessage) and message.tool_call_id not in self._declined:
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
        self._settle()
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
        kept = [event for event in events if not self._is_declined(event)]
        return answer_of(read_messages(list(messages)))[0], kept

    def _is_declined(self, event: Event) -> bool:
        return event["type"] in ("tool_call", "tool_result") and str(event.get("id")) in self._declined

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


_watching: contextvars.ContextVar[Trajectory | None] = contextvars.ContextVar("trajectory", default=None)
register_configure_hook(_watching, inheritable=True)


@contextlib.contextmanager
def watching(on_event: EventHandler | None) -> Iterator[None]:
    """Within it, what happens inside graphs that this task runs is reported to `on_event`; with None it is not."""
    token = _watching.set(None if on_event is None else Trajectory(on_event))
    try:
        yield
    finally:
        _watching.reset(token)


def _events_of(message: BaseMessage) -> tuple[str, list[Event]]:
    return answer_of(read_messages([message]))


def _key(message: BaseMessage) -> Any:
    """What identifies a message: reducers give ids, and results answer one call each."""
    return ("tool", message.tool_call_id) if isinstance(message, ToolMessage) else message.id


def _name(execution: str) -> str:
    return execution.rpartition(":")[0] or execution


def _is_plumbing(node: str) -> bool:
    """Whether a node is LangGraph's own, such as `__start__`."""
    return node.startswith("__")
