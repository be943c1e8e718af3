"""`simulation:` of a case: who plays the user after the written turns, towards what, and when it ends."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.assertion import AnyAssertion


class Rule(Document):
    """Something a scripted user says when the target's last answer is of a kind."""

    say: str
    when: str | None = None
    """A regular expression that matches somewhere in the last answer; without one the rule always applies."""
    times: int = Field(default=1, ge=1)
    """How often the rule may speak in one attempt."""

    @field_validator("when")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return _checked_pattern(value)


class Simulation(Document):
    """The simulated user, a chat model unless `script` or `rules` are given.

    The case's `turns` are said first, word for word. Then the simulated user speaks until its goal is reached, a
    condition stops it, it has nothing more to say, or `max_turns` were taken.
    """

    goal: str | None = None
    """What the user wants, in a sentence; a model decides itself when it is reached."""
    persona: str | None = None
    """Who the user is and how it talks."""
    facts: Mapping[str, Any] = Field(default_factory=dict)
    """What the user knows and may tell, such as an order number."""
    model: str | None = None
    """`provider:model` or an import path; by default the suite's `simulated_user.model`."""
    script: str | None = None
    """A callable that plays the user. It is called with those of `message, history, turn, case, facts, goal` that its
    signature asks for, and returns what to say, None when it has nothing more to say, or
    `{say, goal_reached, reason}`."""
    rules: tuple[Rule, ...] = ()
    """A user that follows rules: the first that applies and was not used up speaks; none ends the conversation."""
    opening: str | None = None
    """What the user says first, word for word, before the persona takes over."""
    goal_when: str | None = None
    """A regular expression; an answer that matches it means that the goal is reached."""
    stop_when: str | None = None
    """A regular expression; an answer that matches it ends the conversation."""
    max_turns: int = Field(default=10, ge=1, le=500)
    """Turns of the whole conversation, those written down included."""
    goal_required: bool = False
    """Whether ending in any other way than with the goal reached fails the case."""
    assertions: tuple[AnyAssertion, ...] = ()
    """Asked of every simulated turn."""

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
            raise PydanticCustomError("no_user", "nobody plays the user", reason)
        return self

    @property
    def by_model(self) -> bool:
        """Whether a chat model plays the user."""
        return self.script is None and not self.rules


class SimulatedUserSpec(Document):
    """The chat model that plays the user in simulations, as written under `simulated_user:` in `suite.yaml`."""

    model: str
    """`provider:model`, or an import path to a LangChain chat model. A case may name its own."""


def _checked_pattern(value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except re.error as error:
        reason = {"reason": str(error), "fix": "correct the pattern (Python's `re` syntax)"}
        raise PydanticCustomError("regex", "not a regular expression: {reason}", reason) from error
    return value
