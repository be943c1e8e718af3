"""What every target offers: sessions, and in a session replies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.plain import plain

Tell = Callable[[Event], None]
"""Is told an event as it happens."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to one thing the user said, and what happened until it was given."""

    response: str
    events: Sequence[Event] = field(default_factory=tuple)
    ttft_s: float | None = None
    """Seconds until the first token; None if the target does not stream."""

    def __post_init__(self) -> None:
        """Make events plain data, and refuse what nobody could read, while it is still known who made it.

        Raises:
            InputError: the answer is no text; an event has no type, or lacks what its type needs.
        """
        if not isinstance(self.response, str):
            message = f"the target's answer is a {type(self.response).__name__}"
            raise InputError(Problem(message=message, fix="answer with text", field="target"))
        object.__setattr__(self, "events", tuple(map(plain, self.events)))
        for event in self.events:
            problem = unreadable(event)
            if problem is not None:
                raise InputError(Problem(message=problem, fix="give it one", field="target"))


class Session(Protocol):
    """One attempt's conversation with the target."""

    @property
    def script(self) -> Sequence[str] | None:
        """What the user says, where the session knows better than the case does (a recording); else None."""

    @property
    def recording(self) -> Mapping[str, Any]:
        """What else was recorded of the attempt; empty for a live target."""

    tell: Tell
    """Set by whoever listens. A session that knows of events before its reply tells them; the reply has them all."""

    async def send(self, message: str) -> Reply:
        """Say `message`, and wait for the answer."""

    def memory(self) -> Any:
        """What the session remembers after a turn, JSON-like, for an attempt that is resumed in another process."""

    def restore(self, memory: Any) -> None:
        """Go on from what another session of the attempt remembered."""


class Target(Protocol):
    """The system under test, ready to be talked to."""

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """How many attempts at `case` there are to make."""

    def open(self, case: Case, *, attempt: int, thread_id: str) -> Session:
        """A new session for one attempt (1 for the first)."""


def _silent(event: Event) -> None:
    """Nobody listens."""


class LiveSession:
    """What sessions with a running target have in common: the case says what the user says."""

    tell: Tell = staticmethod(_silent)

    @property
    def script(self) -> None:
        """Nothing but what the case says."""
        return

    @property
    def recording(self) -> Mapping[str, Any]:
        """Nothing was recorded."""
        return {}

    def memory(self) -> Any:
        """Nothing, unless the session keeps the conversation itself."""
        return None

    def restore(self, memory: Any) -> None:
        """Nothing to be done."""


def live_attempts(repetitions: int | None) -> int:
    """Attempts at a case of a running target: one, unless more are asked for."""
    return repetitions or 1
