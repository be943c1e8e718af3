"""A chat model that answers by a rule."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from typing_extensions import override


class ScriptedModel(BaseChatModel):
    """A chat model that answers by a rule, for tests and examples that need no provider.

    The rule gets the messages and returns the answer: text, a call of a tool (`ScriptedModel.call`), a message, or an
    error to raise. A rule without state makes the same conversation go on in the same way always.
    """

    rule: Callable[[Sequence[BaseMessage]], Any]

    @staticmethod
    def call(name: str, **args: Any) -> AIMessage:
        """An answer that calls a tool; the call's id is the tool's name."""
        return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=f"call_{name}")])

    @property
    @override
    def _llm_type(self) -> str:
        return "scripted"

    @override
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """The model itself: its rule decides what is called."""
        return self

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self.rule(messages)
        if isinstance(answer, Exception):
            raise answer
        message = AIMessage(answer) if isinstance(answer, str) else answer.model_copy()
        read, written = (sum(len(str(item.content).split()) for item in items) for items in (messages, [message]))
        message.usage_metadata = message.usage_metadata or {
            "input_tokens": read,
            "output_tokens": written,
            "total_tokens": read + written,
        }
        return ChatResult(generations=[ChatGeneration(message=message)])
