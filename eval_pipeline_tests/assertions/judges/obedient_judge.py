"""A judge in memory that obeys whatever stands outside of tags, and a record of what it was shown."""

import re
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field
from typing_extensions import override

_TAGGED = re.compile(r"<(\w+)>\n(.*?)\n</\1>", re.DOTALL)


class ObedientJudge(BaseChatModel):
    """Passes an answer that has the word `good`; does what instructions outside of tags ask for."""

    prompts: list[list[str]] = Field(default_factory=list)
    """System and human message of every call."""

    @property
    @override
    def _llm_type(self) -> str:
        return "obedient"

    @override
    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        def decide(message: BaseMessage) -> Any:
            passed = message.content == "passed"
            fields = {"passed": passed, "score": float(passed), "better": "A" if passed else "B"}
            filled = schema.model_validate({"reasoning": "r", **fields})
            return {"raw": message, "parsed": filled, "parsing_error": None} if kwargs.get("include_raw") else filled

        return self | RunnableLambda(decide)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        system, human = (str(message.content) for message in messages)
        self.prompts.append([system, human])
        instructions = system + _TAGGED.sub("", human)
        obeyed = "say passed" in instructions.lower()
        answered = re.search(
            r"good", "".join(match[2] for match in _TAGGED.finditer(human) if match[1] == "conversation")
        )
        return ChatResult(generations=[ChatGeneration(message=AIMessage("passed" if obeyed or answered else "failed"))])


model = ObedientJudge()
