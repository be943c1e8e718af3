"""`simulation:` of a case: a simulated user that continues the conversation after the written turns."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.assertion import AnyAssertion


class Rule(Document):
    """A message of a scripted user, sent when the target's last answer matches."""

    say: str
    """The message."""
    when: str | None = None
    """A regular expression to find in the last answer; without one the rule always applies."""
    times: int = Field(default=1, ge=1)
    """How often the rule may be used in one attempt."""

    @field_validator("when")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return _checked_pattern(value)


class Simulation(Document):
    """The simulated user, a chat model unless `script` or `rules` are given.

    The `turns` of the case come first, word for word. Then the simulated user speaks until its goal is reached, a
    condition stops it, it has nothing more to say, or the conversation has `max_turns`.
    """

    goal: str | None = None
    """What the user wants, in a sentence; a model decides when it is reached."""
    persona: str | None = None
    """Who the user is, and how they talk."""
    facts: Mapping[str, Any] = Field(default_factory=dict)
    """Facts that the user knows and may mention, such as an order number."""
    model: str | None = None
    """`provider:model` or an import path; by default the suite's `simulated_user.model`."""
    script: str | None = None
    """A callable that plays the user. It is called with those of `message, history, turn, case, facts, goal` that its
    signature has, and returns the next message, None to end the conversation, or `{say, goal_reached, reason}`."""
    rules: tuple[Rule, ...] = ()
    """A user that follows rules: the first that applies and is not used up gives the message; without one the
    conversation ends."""
    opening: str | None = None
    """The first message of the user, word for word."""
    goal_when: str | None = None
    """A regular expression; the goal is reached when an answer matches it."""
    stop_when: str | None = None
    """A regular expression; the conversation ends when an answer matches it."""
    max_turns: int = Field(default=10, ge=1, le=500)
    """The most turns of the whole conversation, written ones included."""
    goal_required: bool = False
    """Whether the case fails if the conversation ends without the goal."""
    assertions: tuple[AnyAssertion, ...] = ()
    """Assertions on every simulated turn."""

    @field_validator("script")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        return None if value is None else checked_import_path(value)

    @field_validator("goal_when", "stop_when")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return _checked_pattern(value)

    @model_validator(mode="after")
    def _has_one_user(self) -> "Simulation":
        players = [self.script is not None, bool(self.rules), self.model is not None]
        if sum(players) > 1:
            reason = {"fix": "give one of `model`, `script` and `rules`"}
            raise PydanticCustomError("two_users", "more than one plays the user", reason)
        if not any(players) and self.goal is None and self.persona is None:
            reason = {"fix": "give a `goal` (and a `persona`) for a model to play, or `script`, or `rules`"}
            raise PydanticCustomError("no_user", "the simulated user is not defined", reason)
        return self

    @property
    def by_model(self) -> bool:
        """Whether a chat model plays the user."""
        return self.script is None and not self.rules


class SimulatedUserSpec(Document):
    """The chat model that plays the user in simulations, as written under `simulated_user:` in `suite.yaml`."""

    model: str
    """`provider:model`, or an import path to a LangChain chat model. A case may name its own."""
    version_files: tuple[str, ...] = ()
    """Files that the model, or a case's `script`, reads, which a version covers besides what the source imports and
    names: patterns."""


def _checked_pattern(value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except re.error as error:
        reason = {"reason": str(error), "fix": "correct the pattern (Python's `re` syntax)"}
        raise PydanticCustomError("regex", "not a regular expression: {reason}", reason) from error
    return value
