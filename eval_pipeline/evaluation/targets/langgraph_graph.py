"""A compiled LangGraph graph or entrypoint as a target.

Belongs here: invoking it turn by turn, with a thread of its own per attempt and the case's runtime options. Does not
belong here: streaming, deployed graphs.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.targets.messages import after_last_user, as_langchain, reply_of_messages
from eval_pipeline.evaluation.targets.session import LiveSession, Reply, live_attempts
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.message_text import content_text
from eval_pipeline.suite.target_spec import LangGraphTarget as LangGraphSpec


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
        self._graph, self._spec = graph, spec
        runtime = {name: value for name, value in case.runtime.model_dump().items() if value not in (None, {})}
        self._config: RunnableConfig = {
            "configurable": {"thread_id": thread_id, "case_id": case.id, **runtime},
            "recursion_limit": spec.recursion_limit,
            "run_name": "target",
        }
        self._remembers = bool(graph.checkpointer)
        self._messages: list[Any] = []

    async def send(self, message: str) -> Reply:
        """Invoke the graph once."""
        if self._spec.input_key is not None:
            output = await self._graph.ainvoke({self._spec.input_key: message}, self._config)
            return Reply(response=self._output_text(output))
        said = HumanMessage(message)
        sent = [said] if self._remembers else [*self._messages, said]
        state = await self._graph.ainvoke({"messages": sent}, self._config)
        if not isinstance(state, Mapping) or "messages" not in state:
            fix = "give `input_key` and `output_key`, or have a `messages` state"
            raise InputError(Problem(message="the graph's state has no `messages`", fix=fix, field="target"))
        self._messages = as_langchain(state["messages"])
        return reply_of_messages(after_last_user(self._messages))

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
