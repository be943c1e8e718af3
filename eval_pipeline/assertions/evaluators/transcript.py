"""A conversation as OpenAI-style messages, the form that evaluators of trajectories read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.content.inputs import input_messages
from eval_pipeline.results.case_result import TurnResult

Message = dict[str, Any]


def openai_messages(turns: Sequence[TurnResult]) -> list[Message]:
    """`turns` as messages of the roles `user`, `assistant` and `tool`.

    Calls without a result between them share a message, together with the text beside them. A turn that ended with
    calls has no empty answer after them. A call without an id gets one, and a result without one is that of the first
    unanswered call of its tool.
    """
    messages: list[Message] = []
    for turn in turns:
        messages += input_messages(turn.input)
        transcript = _Turn(len(messages))
        for event in turn.events:
            transcript.add(event)
        messages += transcript.messages
        if turn.response or not transcript.called:
            messages.append({"role": "assistant", "content": turn.response})
    return messages


class _Turn:
    """The messages of one turn, built from its events in order."""

    def __init__(self, start: int) -> None:
        self.messages: list[Message] = []
        self.called = False
        self._start = start
        self._calls = 0
        self._unanswered: list[tuple[str, str]] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """Add the next event; only messages, calls and results become messages."""
        if event["type"] == "message":
            self.messages.append({"role": "assistant", "content": str(event.get("content") or "")})
        elif event["type"] == "tool_call":
            self._call(event)
        elif event["type"] == "tool_result":
            self._result(event)

    def _call(self, event: Mapping[str, Any]) -> None:
        self.called = True
        self._calls += 1
        call_id = str(event.get("id") or f"call_{self._start}_{self._calls}")
        self._unanswered.append((event["name"], call_id))
        function = {"name": event["name"], "arguments": json.dumps(event["args"], default=str)}
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self.messages.append({"role": "assistant", "content": ""})
        calls = self.messages[-1].setdefault("tool_calls", [])
        calls.append({"id": call_id, "type": "function", "function": function})

    def _result(self, event: Mapping[str, Any]) -> None:
        call_id = event.get("id")
        if not call_id:
            call_id = next((call for name, call in self._unanswered if event.get("name") in (None, name)), "")
        name = next((name for name, call in self._unanswered if call == call_id), event.get("name"))
        self._unanswered = [(name, call) for name, call in self._unanswered if call != call_id]
        content = str(event.get("content") or "")
        self.messages.append({"role": "tool", "tool_call_id": str(call_id), "name": name, "content": content})
