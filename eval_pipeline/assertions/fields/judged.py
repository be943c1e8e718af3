"""Assertions that a chat model decides."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.assertions.fields.base import BaseAssertion


class Judged(BaseAssertion):
    """What assertions that a judge decides have in common."""

    value: str
    """The rubric: what a good answer is, in words."""
    model: str | tuple[str, ...] | None = None
    """The judge, or a panel; by default the suite's `judge.model`. Everything else of `judge` holds as well."""


class LlmRubric(Judged):
    """A judge finds that the answer meets the rubric: yes or no."""

    type: Literal["llm_rubric"]


class LlmScore(Judged):
    """A judge scores the answer by the rubric: with a number in `range`, or with one of the labels of `choices`.

    Give a `threshold` in [0, 1] to decide by the score.
    """

    type: Literal["llm_score"]
    range: tuple[float, float] = (0.0, 1.0)
    """The worst and the best number; scores are mapped from it into [0, 1]."""
    choices: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    """Labels, each with its score."""

    @field_validator("range")
    @classmethod
    def _rises(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise PydanticCustomError("range", "the range does not rise", {"fix": "write [worst, best]"})
        return value

    @model_validator(mode="after")
    def _one_scale(self) -> "LlmScore":
        if self.choices and "range" in self.model_fields_set:
            raise PydanticCustomError("scale", "`range` and `choices` exclude each other", {"fix": "give one of them"})
        if len(self.choices) == 1:
            raise PydanticCustomError("scale", "one label says nothing", {"fix": "give two or more `choices`"})
        return self


class LlmPreference(Judged):
    """A judge prefers the answer to another one: score 1 for better, 0.5 for a tie, 0 for worse; the label says which.

    It is asked twice, with the two in either order, because judges favour a place; when it disagrees with itself, that
    is a tie (Zheng et al. 2023, section 3.4). Give a `threshold` to decide: 0.5 demands at least a tie.
    """

    type: Literal["llm_preference"]
    over: str
    """The other answer: its key in the case's `reference`."""
