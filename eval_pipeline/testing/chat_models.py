"""Chat models with scripted answers: in the process, or behind a real client that asks a server on loopback."""

import contextlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from langchain_core.messages import AIMessage, BaseMessage

from eval_pipeline.errors import PermanentError
from eval_pipeline.testing.openai_server import Faults, OpenAIServer, openai_server, tool_call
from eval_pipeline.testing.scripted_model import ScriptedModel

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

Answer = str | AIMessage | Exception
"""Text, a message (with tool calls and usage), or an error to raise."""
Rule = Callable[[Sequence[BaseMessage]], Answer]


def in_order(script: Sequence[Answer]) -> Rule:
    """A rule that answers with each of `script` once, in any thread."""
    numbers = itertools.count()

    def rule(_messages: Sequence[BaseMessage]) -> Answer:
        number = next(numbers)
        if number >= len(script):
            message = f"the script of the fake model has {len(script)} answers, and it was asked once more"
            raise PermanentError(message, fix="add an answer, or give a rule")
        return script[number]

    return rule


class FakeChatModels(contextlib.AbstractContextManager["FakeChatModels"]):
    """Makes chat models; its servers end with it."""

    def __init__(self) -> None:
        self._servers = contextlib.ExitStack()

    def __call__(self, script: Sequence[Answer] | Rule) -> ScriptedModel:
        """A model in this process, which answers in order, or by a rule."""
        return ScriptedModel(rule=script if callable(script) else in_order(script))

    def openai(
        self, script: Sequence[Answer], *, faults: Faults | None = None, **options: Any
    ) -> "tuple[ChatOpenAI, OpenAIServer]":
        """A `ChatOpenAI` with `options`, and the server on loopback that answers it in order, with faults where asked.

        An error in the script is an answer with the status 500.

        Raises:
            PermanentError: the package `langchain-openai` is not installed.
        """
        try:
            from langchain_openai import ChatOpenAI  # noqa: PLC0415 - not every user has it
        except ImportError as error:
            raise PermanentError("langchain-openai is not installed", fix="pip install langchain-openai") from error
        rule = in_order(script)

        def answer(_body: Mapping[str, Any]) -> Any:
            said = rule([])
            return 500 if isinstance(said, Exception) else _on_the_wire(said)

        server = self._servers.enter_context(openai_server(answer, faults=faults or Faults()))
        given = {"base_url": server.url, "api_key": "test", "model": "fake", **options}
        return ChatOpenAI(**given), server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._servers.close()


def _on_the_wire(said: str | AIMessage) -> dict[str, Any]:
    message = AIMessage(said) if isinstance(said, str) else said
    calls = [tool_call(each["name"], str(each["id"]), **each["args"]) for each in message.tool_calls]
    usage = message.usage_metadata
    counted = (
        {}
        if usage is None
        else {
            "usage": {
                "prompt_tokens": usage["input_tokens"],
                "completion_tokens": usage["output_tokens"],
                "total_tokens": usage["total_tokens"],
            }
        }
    )
    text = message.content if isinstance(message.content, str) else json.dumps(message.content)
    return {"content": text, **counted, **({"tool_calls": calls} if calls else {})}
