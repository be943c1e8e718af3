"""A chat model with a system prompt as a target."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)

from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.message_text import content_text
from eval_pipeline.targets.messages import reply_of_messages
from eval_pipeline.targets.session import LiveSession, Reply, live_attempts


class ChatTarget:
    """One model for all attempts, but for cases whose `runtime` names another model or temperature."""

    def __init__(
        self,
        model: BaseChatModel,
        *,
        system: str | None,
        stream: bool = False,
        other: Callable[[str | None, float | None], BaseChatModel] | None = None,
    ) -> None:
        """`other` makes the model that a case wants, from its `runtime.model` and `runtime.temperature`."""
        self._model, self._system, self._stream = model, system, stream
        self._other = None if other is None else functools.lru_cache(maxsize=32)(other)

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as asked for."""
        del case
        return live_attempts(repetitions)

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "ChatSession":
        """A conversation that starts with the prompt, or else with the system prompt."""
        del attempt, thread_id
        runtime, model = case.runtime, self._model
        if self._other is not None and (runtime.model is not None or runtime.temperature is not None):
            model = self._other(runtime.model, runtime.temperature)
        prompt = current_prompt()
        begins: list[BaseMessage] = [SystemMessage(self._system)] if self._system else []
        return ChatSession(model, begins=begins if prompt is None else prompt.messages(), stream=self._stream)


class ChatSession(LiveSession):
    """The messages so far."""

    def __init__(self, model: BaseChatModel, *, begins: Sequence[BaseMessage] = (), stream: bool = False) -> None:
        self._model, self._stream = model, stream
        self._messages: list[BaseMessage] = [*begins]

    async def send(self, message: str) -> Reply:
        """Ask the model."""
        asked = [*self._messages, HumanMessage(message)]
        answer, ttft_s = await self._streamed(asked) if self._stream else (await self._model.ainvoke(asked), None)
        self._messages = [*asked, answer]
        return replace(reply_of_messages([answer]), ttft_s=ttft_s)

    async def _streamed(self, asked: list[BaseMessage]) -> tuple[BaseMessage, float | None]:
        started, ttft_s = time.perf_counter(), None
        whole: BaseMessageChunk | None = None
        # OpenAI's client, at another base URL than OpenAI's, leaves usage out unless it is asked for.
        extra: dict[str, Any] = {"stream_usage": True} if hasattr(self._model, "stream_usage") else {}
        async for chunk in self._model.astream(asked, **extra):
            text = content_text(chunk.content)
            if text:
                ttft_s = time.perf_counter() - started if ttft_s is None else ttft_s
                self.tell({"type": "token", "content": text})
            whole = chunk if whole is None else whole + chunk
        return (AIMessage("") if whole is None else message_chunk_to_message(whole)), ttft_s

    def memory(self) -> list[dict[str, Any]]:
        """The messages so far."""
        return messages_to_dict(self._messages)

    def restore(self, memory: list[dict[str, Any]]) -> None:
        """Go on with those messages."""
        self._messages = messages_from_dict(memory)
