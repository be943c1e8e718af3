"""When the messages of a streamed answer began."""

import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from eval_pipeline.messages import content_text


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
