"""The reply of a target that is a generator."""

import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from eval_pipeline.messages import ROLES, ChunkJoiner, answer_of, as_openai, is_message, read_messages
from eval_pipeline.targets.session import EventHandler, Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.user_code.own_thread import in_own_thread


@dataclass(kw_only=True)
class StreamedReply:
    """What a generator yielded so far: pieces of the answer (text, or chunks of any provider), messages, events.

    Anything that is none of these is the reply itself; the last one counts.
    """

    on_event: EventHandler
    reply_of: Callable[[Any], Reply]
    """Reads a reply."""
    started: float
    """When the turn began, of `time.perf_counter`."""
    in_thread: Callable[..., Awaitable[Any]] = in_own_thread
    """Runs a sync generator."""
    _pieces: list[str] = field(default_factory=list)
    _chunks: ChunkJoiner = field(default_factory=ChunkJoiner)
    _messages: list[Any] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _whole: Reply | None = None
    _ttft_s: float | None = None

    async def read(self, generator: Any) -> Reply:
        """The reply of `generator`; a sync one runs in a thread."""
        if inspect.isasyncgen(generator):
            async with contextlib.aclosing(generator):
                async for item in generator:
                    self._take(item)
        else:
            await self.in_thread(self._take_all, generator)
        reply = self._whole
        if reply is None:
            messages = [*read_messages(self._messages), *self._chunks.messages()]
            text, events = answer_of(messages)
            reply = Reply(text="".join(self._pieces) or text, messages=map(as_openai, messages), events=events)
        return reply.completed([*self._events, *reply.events], ttft_s=self._ttft_s)

    def _take_all(self, generator: Any) -> None:
        for item in generator:
            self._take(item)

    def _take(self, item: Any) -> None:
        text = item if isinstance(item, str) else self._chunks.take(item)
        if text:
            self._ttft_s = time.perf_counter() - self.started if self._ttft_s is None else self._ttft_s
            self.on_event({"type": "token", "content": text})
        if isinstance(item, str):
            self._pieces.append(item)
        elif text is None:
            self._take_whole(item)

    def _take_whole(self, item: Any) -> None:
        if isinstance(item, tuple) and item and isinstance(item[0], BaseMessage):
            item = item[0]  # LangGraph streams messages with their metadata
        if isinstance(item, Mapping) and "type" in item and not _is_typed_message(item):
            self._events.append(item)
            self.on_event(item)
        elif not isinstance(item, list | tuple) and is_message(item):
            self._messages.append(item)
        else:
            self._whole = self.reply_of(item)


def _is_typed_message(item: Mapping[str, Any]) -> bool:
    """Whether `{type: …}` is a message of a provider's, and no event."""
    return "role" in item or (str(item["type"]) in ROLES and "content" in item)
