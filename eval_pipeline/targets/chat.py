"""The target that is a chat model with a system prompt: `chat`."""

import contextlib
import functools
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    SystemMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from typing_extensions import override

from eval_pipeline.content.inputs import input_messages
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages import as_langchain, content_text
from eval_pipeline.models.opening import chat_model
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import model_version
from eval_pipeline.suite.import_path import import_problems, is_code_path, suite_file
from eval_pipeline.suite.spec.target import PromptedTarget
from eval_pipeline.targets.messages import reply_of_messages
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply


class ChatTarget(PromptedTarget):
    """A chat model by `provider:model`, with a system prompt given here, in a file of the suite, or as `prompt`.

    `prompt` takes the place of `system` and `system_file`.
    """

    kind: Literal["chat"]
    model: str
    """`provider:model`, or an import path to a LangChain chat model."""
    system: str | None = None
    """The system prompt."""
    system_file: str | None = None
    """A file of the suite with the system prompt."""
    stream: bool = False
    """Whether answers are streamed, which measures the time to the first token (`ttft_s` of a turn)."""

    @property
    @override
    def takes_options(self) -> bool:
        return True

    @property
    @override
    def models(self) -> Sequence[str]:
        return (self.model,)

    @override
    def open(self, folder: Path) -> "ChatSessionFactory":
        return ChatSessionFactory(self, folder=folder)

    @override
    def problems(self, folder: Path) -> Iterable[Problem]:
        if self.system_file and not (file := suite_file(self.system_file, folder=folder)).is_file():
            yield Problem(message=f"no file at {file}", fix="create it, or correct the path", field="system_file")
        yield from super().problems(folder)
        if is_code_path(self.model):
            yield from import_problems(self.model, folder=folder, field="model")

    @override
    def version_parts(self, folder: Path) -> Sequence[Any]:
        parts: list[Any] = [model_version(self.model, folder=folder), *super().version_parts(folder)]
        # Definitions are built from the version; `problems` and `open` report a file that is missing.
        with contextlib.suppress(InputError):
            parts.append(self.system_prompt(folder))
        return parts

    def system_prompt(self, folder: Path) -> str | None:
        """The text of `system`, or of `system_file` in the suite's `folder`.

        Raises:
            InputError: the file cannot be read.
        """
        if self.system_file is None:
            return self.system
        file = suite_file(self.system_file, folder=folder)
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fix = "make it a readable UTF-8 file, or correct the path"
            raise InputError(Problem(message=f"cannot be read: {error}", fix=fix, file=file)) from error


class ChatSessionFactory(LiveSessionFactory):
    """One model for all attempts, but for cases whose `runtime` names another model or temperature."""

    reads_case = False
    reads_context_here = True

    def __init__(self, target: ChatTarget, *, folder: Path) -> None:
        def model(name: str | None, temperature: float | None) -> BaseChatModel:
            chosen = {} if temperature is None else {"temperature": temperature}
            return chat_model(name or target.model, folder=folder, **{**target.options, **chosen})

        self._system, self._stream = target.system_prompt(folder), target.stream
        self._model = functools.lru_cache(maxsize=32)(model)
        self._model(None, None)  # what is wrong with it is raised now

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "ChatSession":
        """A conversation that starts with the prompt, or else with the system prompt."""
        del attempt, thread_id
        model = self._model(case.runtime.model, case.runtime.temperature)
        prompt = current_prompt()
        start: list[BaseMessage] = [SystemMessage(self._system)] if self._system else []
        start = start if prompt is None else [*prompt.messages()]
        return ChatSession(model, start=[*start, *as_langchain(case.messages)], stream=self._stream)


class ChatSession(LiveSession):
    """The messages so far."""

    repeats_runs = True

    def __init__(self, model: BaseChatModel, *, start: Sequence[BaseMessage] = (), stream: bool = False) -> None:
        self._model, self._stream = model, stream
        self._messages: list[BaseMessage] = [*start]

    async def send(self, message: Any) -> Reply:
        """Call the model."""
        messages = [*self._messages, *as_langchain(input_messages(message))]
        answer, ttft_s = await (self._streamed(messages) if self._stream else self._invoked(messages))
        self._messages = [*messages, answer]
        return reply_of_messages([answer], ttft_s=ttft_s)

    async def _invoked(self, messages: list[BaseMessage]) -> tuple[BaseMessage, None]:
        return await self._model.ainvoke(messages), None

    async def _streamed(self, messages: list[BaseMessage]) -> tuple[BaseMessage, float | None]:
        started, ttft_s = time.perf_counter(), None
        whole: BaseMessageChunk | None = None
        # OpenAI's client, at another base URL than OpenAI's, leaves usage out unless it is asked for.
        extra: dict[str, Any] = {"stream_usage": True} if hasattr(self._model, "stream_usage") else {}
        async for chunk in self._model.astream(messages, **extra):
            text = content_text(chunk.content)
            if text:
                ttft_s = time.perf_counter() - started if ttft_s is None else ttft_s
                self.on_event({"type": "token", "content": text})
            whole = chunk if whole is None else whole + chunk
        return (AIMessage("") if whole is None else message_chunk_to_message(whole)), ttft_s

    def memory(self) -> list[dict[str, Any]]:
        """The messages so far."""
        return messages_to_dict(self._messages)

    def restore(self, memory: list[dict[str, Any]]) -> None:
        """Go on with those messages."""
        self._messages = messages_from_dict(memory)
