"""What `check` of an assertion gets, a `Scope`, and what it returns, a `CheckResult`."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jmespath

from eval_pipeline.assertions.evaluators.transcript import openai_messages
from eval_pipeline.assertions.json_value import parse_json
from eval_pipeline.content.text import readable_text
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.case_result import TurnResult, Vote
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.judge import Judge

WHOLE: Any = object()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The conversation up to where the assertion stands, its case, and its suite's context and judge."""

    case: Case
    turns: Sequence[TurnResult]
    """The whole conversation; for an assertion on a turn, up to that turn."""
    turn: int | None
    """The turn the assertion stands on, or None for the conversation."""
    context: SharedContext | None
    recording: Mapping[str, Any]
    """What was recorded of the attempt besides its messages; empty for a live target."""
    folder: Path
    """The suite's folder."""
    judge: Judge | None
    returned: Mapping[int, Any] = field(default_factory=dict)
    """By turn, what the target returned, as the object it is; empty for turns of another process."""
    runs: Mapping[int, Sequence[CollectedRun]] = field(default_factory=dict)
    """By turn, what ran in it, for assertions that need it; empty for turns of another process."""
    place: AttemptPlace | None = None
    """Where the attempt is in LangSmith, for the same assertions."""

    focus: Any = WHOLE
    """The part that a comparing assertion looks at (`at`); by default the answer."""

    def focused(self, path: str) -> "Scope":
        """This scope with the part at a JMESPath of `document` in the place of the answer.

        Raises:
            InputError: the data cannot be searched with it.
        """
        try:
            return replace(self, focus=jmespath.search(path, self.document))
        except jmespath.exceptions.JMESPathError as error:
            fix = "correct the expression"
            problem = Problem(message=f"{path!r} cannot be searched: {error}", fix=fix, case=self.case.id, field="at")
            raise InputError(problem) from error

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """What expressions can name: the `PARTS` of the attempt, as JSON."""
        last = self.turns[-1] if self.turns else None
        state = None if last is None else last.state
        if state is None and isinstance(self.outputs, Mapping):
            state = self.outputs
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "text": self.response,
            "state": state,
            "messages": [*self.case.messages, *openai_messages(self.turns)],
            "reference": self.case.reference,
            "metadata": dict(self.case.metadata),
        }

    @property
    def data(self) -> Any:
        """The answer as data: JSON in its text, or else the target's outputs; or the part that is looked at.

        Raises:
            ValueError: it is text that is no JSON.
        """
        if self.focus is not WHOLE:
            return parse_json(self.focus) if isinstance(self.focus, str) else self.focus
        try:
            return parse_json(self.response)
        except ValueError:
            if not isinstance(self.outputs, Mapping | list):
                raise
            return self.outputs

    @property
    def outputs(self) -> Any:
        """What the target returned last, as JSON."""
        return self.turns[-1].outputs if self.turns else None

    @property
    def inputs(self) -> dict[str, Any]:
        """The case's inputs, as those of a LangSmith example."""
        return self.case.example_inputs([turn.input for turn in self.turns])

    @property
    def response(self) -> str:
        """The last answer in scope, or the text of the part that is looked at."""
        if self.focus is not WHOLE:
            return readable_text(self.focus, ())
        return self.turns[-1].response if self.turns else ""

    @property
    def text(self) -> str:
        """The text to search: the answer of the turn, or all answers of the conversation."""
        one = self.turn is not None or self.focus is not WHOLE
        return self.response if one else "\n".join(turn.response for turn in self.turns)

    @property
    def characters(self) -> int:
        """The length of all answers."""
        return sum(len(turn.response) for turn in self.turns)

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """The events of the turn, or of all turns."""
        turns = self.turns[-1:] if self.turn is not None else self.turns
        return [event for turn in turns for event in turn.events]

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        """The tool calls among `events`."""
        return [event for event in self.events if event["type"] == "tool_call"]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Whether an assertion passed, its score, or both."""

    passed: bool | None
    """None if it only scores."""
    message: str
    score: float | None = None
    """In [0, 1]; by default 1 for passed and 0 for failed."""
    label: str | None = None
    value: float | None = None
    """A number without bounds, in the place of a score."""
    votes: Sequence[Vote] = ()
    """Of a panel of judges."""
    name: str | None = None
    """The metric, for evaluators that report several."""
