"""The target that is recorded conversations: `recorded`. They are replayed, and nothing is run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from typing_extensions import override

from eval_pipeline.messages import Message, answer_of, read_messages
from eval_pipeline.suite.case import Case, Recording
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

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """As many as were recorded, at most `repetitions`."""
        return min(len(case.recordings), repetitions or len(case.recordings))

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RecordedSession":
        """The recording of one attempt."""
        del thread_id
        return RecordedSession(case.recordings[attempt - 1])


class RecordedSession:
    """A recording, cut where the user speaks; what the agent wrote before that is a turn without input."""

    def __init__(self, recording: Recording) -> None:
        self._turns = _turns(recording.messages)
        self._data = recording.data
        self._next = 0
        self.on_event: EventHandler = lambda _: None

    @property
    def script(self) -> Sequence[str]:
        """The user's messages."""
        return [message for message, _ in self._turns]

    @property
    def recording(self) -> Mapping[str, Any]:
        """What was recorded besides the messages."""
        return self._data

    async def begin(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def send(self, message: str) -> Reply:
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


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, Reply]]:
    turns: list[tuple[str, list[Message]]] = []
    for message in read_messages(list(messages)):
        if message.role == "system":
            continue
        if message.role == "user":
            turns.append((message.text, []))
        else:
            if not turns:
                turns.append(("", []))
            turns[-1][1].append(message)
    answers = ((text, answer_of(answer)) for text, answer in turns)
    return [(text, Reply(response=response, events=events)) for text, (response, events) in answers]
