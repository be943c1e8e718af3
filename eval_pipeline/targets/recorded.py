"""The target that is recorded conversations: `recorded`. They are replayed, and nothing is run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from typing_extensions import override

from eval_pipeline.messages import Message, answer_of, as_openai, read_messages
from eval_pipeline.suite.case import Case, RecordedTurn, Recording
from eval_pipeline.suite.spec.target import Target
from eval_pipeline.targets.session import EventHandler, Reply


class RecordedTarget(Target):
    """Conversations recorded elsewhere (the cases' `recordings`): evaluated without running anything."""

    kind: Literal["recorded"]

    live: ClassVar[bool] = False

    @override
    def open(self, folder: Path) -> "RecordedSessionFactory":
        return RecordedSessionFactory()


class RecordedSessionFactory:
    """Each recording of a case is one attempt."""

    reads_context_here = True

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """As many as were recorded, at most `repetitions`."""
        return min(len(case.recordings), repetitions or len(case.recordings))

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RecordedSession":
        """The recording of one attempt."""
        del thread_id
        return RecordedSession(case.recordings[attempt - 1])


class RecordedSession:
    """A recording, cut where the user speaks; what the agent wrote before that is a turn without input."""

    repeats_runs = False

    def __init__(self, recording: Recording) -> None:
        self._turns = _turns(recording.messages) if recording.messages else list(map(_recorded, recording.turns))
        self._data = recording.data
        self._next = 0
        self.on_event: EventHandler = lambda _: None

    @property
    def script(self) -> Sequence[Any]:
        """The user's messages: text, or the content blocks that were recorded."""
        return [message for message, _ in self._turns]

    @property
    def recording(self) -> Mapping[str, Any]:
        """What was recorded besides the messages."""
        return self._data

    @property
    def joins_trace(self) -> bool:
        """False: nothing is run."""
        return False

    async def begin(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def send(self, message: Any) -> Reply:
        """The recorded answer to the user's next message."""
        del message
        reply = self._turns[self._next][1]
        self._next += 1
        return reply

    def memory(self) -> int:
        """Where the recording has been replayed to."""
        return self._next

    def restore(self, memory: int) -> None:
        """Go on from there."""
        self._next = memory


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Reply]]:
    turns: list[tuple[Any, list[Message]]] = []
    for message in read_messages(list(messages)):
        if message.role == "system":
            continue
        if message.role == "user":
            turns.append((_said(message), []))
        else:
            if not turns:
                turns.append(("", []))
            turns[-1][1].append(message)
    return [(said, _reply(answer)) for said, answer in turns]


def _recorded(turn: RecordedTurn) -> tuple[Any, Reply]:
    return turn.input, Reply(outputs=turn.outputs, text=turn.text, events=turn.events)


def _said(message: Message) -> Any:
    """A user's message as the input of a turn: text, or its blocks where they are more than text."""
    plain = not isinstance(message.content, list) or all(
        isinstance(part, str) or "text" in part for part in message.content
    )
    return message.text if plain else message.content


def _reply(answer: Sequence[Message]) -> Reply:
    text, events = answer_of(answer)
    return Reply(text=text, messages=map(as_openai, answer), events=events)
