"""Doubles that suites under test name by import path: targets, an embeddings model, a chat model."""

import re
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field
from typing_extensions import override


def echo(message: str) -> str:
    """A target that says what it was told."""
    return message


class WordEmbeddings(Embeddings):
    """A vector of the counts of a few words."""

    words = ("cat", "dog", "fish")

    @override
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    @override
    def embed_query(self, text: str) -> list[float]:
        return [float(len(re.findall(word, text.lower()))) for word in self.words]


class ReadingModel(BaseChatModel):
    """Answers with one pattern a call, about the first field of the records it was shown."""

    seen: list[str] = Field(default_factory=list)
    """The prompts of all calls, for tests to read."""

    @property
    @override
    def _llm_type(self) -> str:
        return "reading"

    @override
    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        def read(message: BaseMessage) -> Any:
            found = re.findall(r'"id": "?(\w+)', str(message.content))
            pattern = {"title": "Late parcels", "description": "They come late.", "evidence": found}
            return schema.model_validate({"patterns": [pattern]})

        return self | RunnableLambda(read)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = str(messages[-1].content)
        self.seen.append(text)
        usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
        answer = AIMessage(text, usage_metadata=usage, response_metadata={"model_name": "reading-1"})
        return ChatResult(generations=[ChatGeneration(message=answer)])


class SilentModel(ReadingModel):
    """Gives no structure whatever it is asked."""

    @override
    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        return self | RunnableLambda(lambda _: None)
