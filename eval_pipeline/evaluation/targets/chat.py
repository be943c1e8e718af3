"""A chat model with a system prompt as a target.

Belongs here: the conversation with the model. Does not belong here: making the model (`eval_pipeline.models`).
"""

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from eval_pipeline.evaluation.targets.messages import reply_of_messages
from eval_pipeline.evaluation.targets.session import LiveSession, Reply, live_attempts
from eval_pipeline.suite.case import Case


class ChatTarget:
    """One model for all attempts."""

    def __init__(self, model: BaseChatModel, *, system: str | None) -> None:
        self._model, self._system = model, system

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as asked for."""
        del case
        return live_attempts(repetitions)

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "ChatSession":
        """A conversation that starts with the system prompt."""
        del case, attempt, thread_id
        return ChatSession(self._model, system=self._system)


class ChatSession(LiveSession):
    """The messages so far."""

    def __init__(self, model: BaseChatModel, *, system: str | None) -> None:
        self._model = model
        self._messages: list[BaseMessage] = [SystemMessage(system)] if system else []

    async def send(self, message: str) -> Reply:
        """Ask the model."""
        self._messages.append(HumanMessage(message))
        answer = await self._model.ainvoke(self._messages)
        self._messages.append(answer)
        return reply_of_messages([answer])
