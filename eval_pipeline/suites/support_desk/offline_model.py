"""A chat model without a network: it computes its answers from the conversation, by rules and nearest neighbours.

The same class is the agent's model, the judge and the pattern finder; the tools bound to it determine which.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import override

from eval_pipeline.suites.support_desk.composing import compose
from eval_pipeline.suites.support_desk.conversation import read_conversation
from eval_pipeline.suites.support_desk.intent import intents_of
from eval_pipeline.suites.support_desk.planning import next_call
from eval_pipeline.suites.support_desk.structured import fill

MODEL_NAME = "support-desk-offline"


class OfflineChatModel(BaseChatModel):
    """A deterministic model, limited by its rules: some cases fail with it."""

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model_name": MODEL_NAME}

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        tools = [tool["function"] for tool in kwargs.get("tools") or ()]
        if kwargs.get("tool_choice") and len(tools) == 1:
            message = _structured_answer(messages, tools[0])
        else:
            message = _agent_answer(messages, frozenset(tool["name"] for tool in tools))
        message.usage_metadata = _usage(messages, message)
        message.response_metadata = {"model_name": MODEL_NAME}
        return ChatResult(generations=[ChatGeneration(message=message)])

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        # It never waits, so a thread would only add overhead.
        return self._generate(messages, stop, **kwargs)


def _structured_answer(messages: Sequence[BaseMessage], function: Mapping[str, Any]) -> AIMessage:
    prompt = "\n\n".join(message.text for message in messages if message.type != "system")
    args = fill(function["parameters"], prompt)
    return AIMessage("", tool_calls=[{"name": function["name"], "args": args, "id": "call_0"}])


def _agent_answer(messages: Sequence[BaseMessage], tools: frozenset[str]) -> AIMessage:
    conversation = read_conversation(messages)
    intents = intents_of(conversation.user_messages)
    call = next_call(conversation, intents, tools)
    if call is None:
        return AIMessage(compose(conversation, intents))
    return AIMessage("", tool_calls=[{"name": call.name, "args": call.args, "id": f"call_{len(conversation.results)}"}])


def _usage(messages: Sequence[BaseMessage], answer: AIMessage) -> UsageMetadata:
    """Count words as tokens."""
    read = sum(len(message.text.split()) for message in messages)
    written = len(answer.text.split()) + sum(len(str(call["args"]).split()) for call in answer.tool_calls)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
