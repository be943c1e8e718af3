"""What every target offers: a factory of sessions, and in a session replies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.plain import plain

EventHandler = Callable[[Event], None]
"""Is called with an event as it happens."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer to one message of the user, and the events that led to it."""

    response: str
    events: Sequence[Event] = field(default_factory=tuple)
    ttft_s: float | None = None
    """Seconds until the first token; None if the target does not stream."""

    def __post_init__(self) -> None:
        """Make the events plain data, and refuse what no reader of events understands.

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
        """The user's messages, where the session has them (a recording); None where the case has them."""

    @property
    def recording(self) -> Mapping[str, Any]:
        """What was recorded of the attempt besides its messages; empty for a live target."""

    on_event: EventHandler
    """Set by the evaluation of a turn. A session calls it with events before its reply, which has all of them again."""

    async def begin(self) -> None:
        """Make the target ready; called before the first message, within the attempt's time limit."""

    async def close(self) -> None:
        """Release what `begin` opened; called at the attempt's end, in the task that called `begin`."""

    async def send(self, message: str) -> Reply:
        """Send a message of the user's, and wait for the answer."""

    def memory(self) -> Any:
        """What the session remembers after a turn, as JSON, for an attempt that is resumed in another process."""

    def restore(self, memory: Any) -> None:
        """Go on from what another session of the attempt remembered."""


class SessionFactory(Protocol):
    """The opened target of a suite; shared by all attempts of a run."""

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """The number of attempts to make at `case`."""

    def open(self, case: Case, *, attempt: int, thread_id: str) -> Session:
        """A new session for one attempt (1 for the first)."""


class LiveSessionFactory:
    """What factories of sessions with a running target have in common."""

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as `repetitions`."""
        del case
        return repetitions or 1


def _ignored(event: Event) -> None:
    """The handler of events where nothing listens."""


class LiveSession:
    """What sessions with a running target have in common: the case has the user's messages."""

    on_event: EventHandler = staticmethod(_ignored)

    @property
    def script(self) -> None:
        """None: the case has the user's messages."""
        return

    @property
    def recording(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    async def begin(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def memory(self) -> Any:
        """Nothing, unless the session keeps the conversation itself."""
        return None

    def restore(self, memory: Any) -> None:
        """Do nothing."""
