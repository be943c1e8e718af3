"""What every target offers: a factory of sessions, and in a session replies."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jmespath

from eval_pipeline.content.outputs import bounded_state, jsonable, outputs_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.plain import plain

EventHandler = Callable[[Event], None]
"""Is called with an event as it happens."""


_NOT_GIVEN: Any = object()


@dataclass(frozen=True, kw_only=True, init=False)
class Reply:
    """The answer to one turn: the target's outputs, what a person reads of them, and the events that led to them."""

    outputs: Any
    """What the target returned, as JSON: text, a mapping, a list, a number, None."""
    text: str
    """What a person reads."""
    messages: tuple[Any, ...]
    """The messages of this turn's answer as JSON, where the target has messages; the turn's input is not among them."""
    state: Mapping[str, Any] | None
    """The final state of a graph, as JSON, where it is more than the outputs."""
    events: tuple[Event, ...]
    ttft_s: float | None
    """Seconds until the first token; None if the target does not stream."""
    returned: Any = field(repr=False, compare=False)
    """What the target returned, as the object it is, for evaluators in this process."""

    def __init__(
        self,
        *,
        outputs: Any = _NOT_GIVEN,
        text: str | None = None,
        response: str | None = None,
        messages: Iterable[Any] = (),
        state: Mapping[str, Any] | None = None,
        events: Iterable[Event] = (),
        ttft_s: float | None = None,
        returned: Any = _NOT_GIVEN,
    ) -> None:
        """Make everything plain data, and refuse what no reader of events understands.

        Args:
            outputs: any value that JSON has a form for; by default the text.
            text: by default what `outputs_text` reads of the outputs.
            response: the same, under the name that text alone has.
            messages: in any form.
            state: in any form.
            events: of every type but `token`.
            ttft_s: seconds until the first token.
            returned: by default `outputs`, as they are given.

        Raises:
            InputError: the text is no text; an event has no type, or lacks what its type needs.
        """
        text = response if text is None else text
        if text is not None and not isinstance(text, str):
            message = f"the target's answer is a {type(text).__name__}"
            raise InputError(Problem(message=message, fix="answer with text", field="target"))
        outputs = (text or "") if outputs is _NOT_GIVEN else outputs
        plain_outputs = jsonable(outputs)
        values = {
            "outputs": plain_outputs,
            "text": outputs_text(plain_outputs) if text is None else text,
            "messages": tuple(map(jsonable, messages)),
            "state": bounded_state(state),
            "events": tuple(map(_readable, events)),
            "ttft_s": ttft_s,
            "returned": outputs if returned is _NOT_GIVEN else returned,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def response(self) -> str:
        """The text."""
        return self.text

    def read_by(self, path: str) -> "Reply":
        """The same answer with the text that a JMESPath into `{outputs, state, messages}` selects.

        Raises:
            InputError: it selects nothing.
        """
        parts = {"outputs": self.outputs, "state": self.state, "messages": list(self.messages)}
        try:
            selected = jmespath.search(path, parts)
        except jmespath.exceptions.JMESPathError as error:
            problem = Problem(message=f"{path!r} cannot be searched: {error}", fix="correct it", field="target.text")
            raise InputError(problem) from error
        if selected is None:
            fix = "correct the path, or leave it out"
            raise InputError(Problem(message=f"the answer has nothing at {path!r}", fix=fix, field="target.text"))
        other = copy.copy(self)
        object.__setattr__(other, "text", outputs_text(selected))
        return other

    def completed(self, events: Iterable[Event], *, ttft_s: float | None = None) -> "Reply":
        """The same answer with all events of its turn, and when it began, where that is known by now."""
        other = copy.copy(self)
        object.__setattr__(other, "events", tuple(_readable(event) for event in events))
        object.__setattr__(other, "ttft_s", self.ttft_s if ttft_s is None else ttft_s)
        return other


def _readable(event: Event) -> Event:
    readable: Event = plain(event)
    problem = unreadable(readable)
    if problem is not None:
        raise InputError(Problem(message=problem, fix="give it one", field="target"))
    return readable


class Session(Protocol):
    """One attempt's conversation with the target."""

    @property
    def script(self) -> Sequence[Any] | None:
        """The inputs of the turns, where the session has them (a recording); None where the case has them."""

    @property
    def recording(self) -> Mapping[str, Any]:
        """What was recorded of the attempt besides its messages; empty for a live target."""

    repeats_runs: bool
    """Whether its events are read from messages of an agent whose runs are traced, so that a trace has them already."""

    on_event: EventHandler
    """Set by the evaluation of a turn. A session calls it with events before its reply, which has all of them again."""

    @property
    def joins_trace(self) -> bool:
        """Whether the target, on another server, adds its runs to the attempt's trace."""

    async def begin(self) -> None:
        """Make the target ready; called before the first message, within the attempt's time limit."""

    async def close(self) -> None:
        """Release what `begin` opened; called at the attempt's end, in the task that called `begin`."""

    async def send(self, message: Any) -> Reply:
        """Send the input of a turn, and wait for the answer.

        Args:
            message: text, content blocks, a message, messages or a mapping (`eval_pipeline.content.inputs`), exactly as
                the case has it.
        """

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

    reads_case: bool = True
    """Whether answers may depend on all of a case, its tags and reference included."""

    reads_context_here: bool = False
    """Whether the target reads the shared context in this process, where its reads are seen."""

    def attempts(self, case: Case, repetitions: int | None) -> int:
        """One, or as many as `repetitions`."""
        del case
        return repetitions or 1


def _ignored(event: Event) -> None:
    """The handler of events where nothing listens."""


class LiveSession:
    """What sessions with a running target have in common: the case has the user's messages."""

    on_event: EventHandler = staticmethod(_ignored)
    repeats_runs: bool = False

    @property
    def script(self) -> None:
        """None: the case has the user's messages."""
        return

    @property
    def recording(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    @property
    def joins_trace(self) -> bool:
        """Whether the target, on another server, adds its runs to the attempt's trace."""
        return False

    async def begin(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def memory(self) -> Any:
        """Nothing, unless the session keeps the conversation itself."""
        return None

    def restore(self, memory: Any) -> None:
        """Do nothing."""
