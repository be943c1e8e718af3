"""Recorded conversations as a target: what was said is replayed, nothing is run."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.suite.case import Case, Recording
from eval_pipeline.suite.message_text import content_text
from eval_pipeline.targets.messages import openai_reply
from eval_pipeline.targets.session import Reply, Tell


class RecordedTarget:
    """Each recording of a case is one attempt."""

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """As many as were recorded, at most `repetitions`."""
        return min(len(case.recordings), repetitions or len(case.recordings))

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "RecordedSession":
        """The recording of one attempt."""
        del thread_id
        return RecordedSession(case.recordings[attempt - 1])


class RecordedSession:
    """A recording, cut where the user speaks; what the agent said before that is a turn without input."""

    def __init__(self, recording: Recording) -> None:
        self._turns = _turns(recording.messages)
        self._data = recording.data
        self._next = 0
        self.tell: Tell = lambda _: None

    @property
    def script(self) -> Sequence[str]:
        """What the user said."""
        return [said for said, _ in self._turns]

    @property
    def recording(self) -> Mapping[str, Any]:
        """What else was recorded."""
        return self._data

    async def send(self, message: str) -> Reply:
        """The recorded answer to the next thing the user said."""
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
    turns: list[tuple[str, list[Mapping[str, Any]]]] = []
    for message in messages:
        if message.get("role") in ("system", "developer"):
            continue
        if message.get("role") == "user":
            turns.append((content_text(message.get("content")), []))
        else:
            if not turns:
                turns.append(("", []))
            turns[-1][1].append(message)
    return [(said, openai_reply(answer)) for said, answer in turns]
