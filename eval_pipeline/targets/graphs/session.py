"""A session with a graph, in this process or on a server: turns, questions to a human, and the reply."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.types import Command, Interrupt

from eval_pipeline.content.outputs import jsonable, outputs_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages import after_last_user, answer_of, as_langchain, messages_in, read_messages
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.first_tokens import FirstTokens
from eval_pipeline.targets.graphs.executed import ExecutedEvents
from eval_pipeline.targets.graphs.schema import MESSAGES
from eval_pipeline.targets.graphs.turn_input import TurnInputs
from eval_pipeline.targets.interrupts import InterruptAnswers
from eval_pipeline.targets.reviews import Review
from eval_pipeline.targets.session import LiveSession, Reply
from eval_pipeline.targets.trajectory import Trajectory

STRUCTURED = "structured_response"
"""The key of an agent's output that holds what its `response_format` asks for."""


@dataclass(frozen=True, kw_only=True)
class FinalState:
    """The state of a graph after a turn."""

    values: Any
    next: Sequence[str]
    """The nodes before which it stopped; empty at its end."""


class StoppedGraphError(RuntimeError):
    """The graph stopped before its end; an error of its case."""

    def __init__(self, nodes: Sequence[str]) -> None:
        where = " and ".join(map(repr, nodes))
        super().__init__(
            f"the graph stopped before {where}, where it was compiled to stop, and not at its end; "
            "`on_interrupt` of the case lets it go on"
        )


class GraphSession(LiveSession):
    """A thread of a graph. A subclass runs the graph and reads its state."""

    def __init__(self, case: Case, *, output_key: str | None) -> None:
        self._case, self._output_key = case, output_key
        self._answers = InterruptAnswers(case)
        self._first, self._keeps_state = True, True
        self._messages: list[Any] = []
        """The conversation so far, as the graph has it."""

    _inputs: TurnInputs
    """Set by `begin`."""

    async def run(self, given: Any, trajectory: Trajectory, tokens: FirstTokens) -> tuple[Any, list[Interrupt]]:
        """Run the graph: its output, and the questions that it stopped for."""
        raise NotImplementedError

    async def final_state(self) -> FinalState:
        """The state after the last run."""
        raise NotImplementedError

    async def send(self, message: Any) -> Reply:
        """Run the graph, once and then once for each question to a human."""
        earlier_ids = {item.id for item in self._messages if isinstance(item, BaseMessage) and item.id is not None}
        executed, tokens = ExecutedEvents(), FirstTokens()
        trajectory = Trajectory(lambda event: self.on_event(executed.corrected(event)), earlier=earlier_ids)
        first, self._first = self._first, False
        earlier = () if self._keeps_state else self._messages
        turn = self._inputs.first(message) if first else self._inputs.next(message, earlier)
        output, state = await self._answered(turn.value, trajectory, tokens, executed)
        answer = self._answer(turn.sent, output, state, earlier_ids)
        return Reply(
            outputs=output,
            text=self._text(output, answer),
            messages=answer,
            state=_beside(state, output),
            events=list(executed.of_turn(trajectory.answer(answer)[1], jsonable(_structured(output)))),
            ttft_s=tokens.first(answer),
        )

    def _text(self, output: Any, answer: Sequence[BaseMessage]) -> str | None:
        """What a person reads: the value at `output_key`, or the last text of the answer, or the structured response.

        None where the output has no messages, and is read as any target's.
        """
        if self._output_key is not None:
            return output_text(output, self._output_key)
        if isinstance(output, Mapping) and MESSAGES not in output:
            return None
        texts = (answer_of([item])[0] for item in reversed(read_messages(list(answer))))
        text = next(filter(None, texts), None)
        if text is None and _structured(output) is not None:
            return output_text(output, STRUCTURED)
        return text or ("" if answer else None)

    def _answer(self, sent: Any, output: Any, state: Any, earlier_ids: Collection[Any]) -> list[BaseMessage]:
        """The messages of this turn, after what was sent; the conversation is kept."""
        holder = state if isinstance(state, Mapping) and state.get(MESSAGES) else output
        if isinstance(holder, Mapping) and MESSAGES in holder:
            holder = holder[MESSAGES]
        if isinstance(holder, str) or messages_in(holder) is None:
            return []
        conversation = as_langchain(holder if isinstance(holder, list | tuple) else [holder])
        self._messages = conversation
        sent_id = sent.get("id") if isinstance(sent, Mapping) else getattr(sent, "id", None)
        for index, item in enumerate(conversation):
            if sent_id is not None and item.id == sent_id:
                return conversation[index + 1 :]
        answer = after_last_user(conversation)
        return answer if sent is not None else [item for item in answer if item.id not in earlier_ids]

    async def _answered(
        self, given: Any, trajectory: Trajectory, tokens: FirstTokens, executed: ExecutedEvents
    ) -> tuple[Any, Any]:
        """The output and the state, once every question is answered.

        Raises:
            InputError: the case has no answer.
            StoppedGraphError: the graph stopped for no question, and the case does not let it go on.
        """
        while True:
            output, interrupts = await self.run(given, trajectory, tokens)
            if interrupts:
                asked = functools.partial(_asked, trajectory, executed)
                given = Command(resume=self._answers.resume(interrupts, asked))
                continue
            state = await self.final_state()
            if not state.next:
                return output, state.values
            if not self._answers.given:
                raise StoppedGraphError(state.next)
            question = f"stopped before {', '.join(state.next)}"
            answer = self._answers.answer(question)
            trajectory.interrupted(question, answer)
            # As a person does it: change the state, or just go on.
            given = Command(update=answer["update"]) if isinstance(answer, Mapping) and "update" in answer else None


def _asked(trajectory: Trajectory, executed: ExecutedEvents, question: Any, answer: Any) -> None:
    """Note a question and its answer, which may change calls."""
    review = Review.of(question)
    for call, edited in () if review is None else review.edits(answer):
        executed.edit(call, {"name": edited.get("name") or call["name"], "args": edited["args"]})
    trajectory.interrupted(question, answer)


def _structured(output: Any) -> Any:
    return output.get(STRUCTURED) if isinstance(output, Mapping) else None


def output_text(output: Any, key: str) -> str:
    """The text that a person reads of the value at `key` in a graph's output.

    Raises:
        InputError: there is nothing at `key`.
    """
    if not isinstance(output, Mapping) or key not in output:
        fix = "correct `output_key`"
        raise InputError(Problem(message=f"the graph's output has no {key!r}", fix=fix, field="target.output_key"))
    return outputs_text(jsonable(output[key]))


def _beside(state: Any, output: Any) -> Mapping[str, Any] | None:
    """The state, where it is more than the output."""
    if not isinstance(state, Mapping) or (isinstance(output, Mapping) and state.keys() <= output.keys()):
        return None
    return state
