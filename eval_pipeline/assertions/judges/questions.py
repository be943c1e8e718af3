"""The questions that judges decide: yes or no, one of some labels, a number, or which of two answers is better.

Every form asks for the reasoning before the decision, so that the decision follows from it.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from eval_pipeline.errors import InputError, Problem


@dataclass(frozen=True, kw_only=True)
class JudgeDecision:
    """What a judge decided."""

    passed: bool | None = None
    score: float | None = None
    """In [0, 1]."""
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """A form that a judge fills in."""

    form: type[BaseModel]
    """Has `reasoning` first."""
    read: Callable[[Any], JudgeDecision]


class RubricVerdict(BaseModel):
    """Your verdict."""

    reasoning: str = Field(description="Why, in a few sentences, before the decision")
    passed: bool = Field(description="Whether the answer meets the rubric")


class PreferenceForm(BaseModel):
    """Your preference."""

    model_config = ConfigDict(title="Preference")  # the name that models see, and a part of fingerprints

    reasoning: str = Field(description="Why, in a few sentences, before the decision")
    better: Literal["A", "B", "tie"] = Field(description="Which answer is better by the rubric, or a tie")


YES_OR_NO = Question(
    form=RubricVerdict,
    read=lambda filled: JudgeDecision(passed=filled.passed, score=float(filled.passed)),
)


@functools.lru_cache(maxsize=256)
def one_of_labels(scores: tuple[tuple[str, float], ...]) -> Question:
    """Which of the labels fits. `scores`: each label with its score in [0, 1]."""
    by_label: Mapping[str, float] = dict(scores)
    labels: Any = Literal[tuple(by_label)]
    form = create_model(
        "LabelVerdict",
        __doc__="Your verdict.",
        reasoning=(str, Field(description="Why, in a few sentences, before the decision")),
        label=(labels, Field(description="The label that fits the answer by the rubric")),
    )
    return Question(form=form, read=lambda filled: JudgeDecision(label=filled.label, score=by_label[filled.label]))


@functools.lru_cache(maxsize=256)
def a_number(worst: float, best: float) -> Question:
    """How good the answer is, from `worst` to `best`. Words state the bounds: not every provider takes others."""
    form = create_model(
        "ScoreVerdict",
        __doc__="Your verdict.",
        reasoning=(str, Field(description="Why, in a few sentences, before the decision")),
        score=(
            float,
            Field(description=f"How well the answer meets the rubric, from {worst:g} (worst) to {best:g} (best)"),
        ),
    )

    def read(filled: Any) -> JudgeDecision:
        if not worst <= filled.score <= best:
            message = f"the judge gave {filled.score:g}, outside {worst:g} to {best:g}"
            raise InputError(Problem(message=message, fix="state the range in the rubric, or use another model"))
        return JudgeDecision(score=(filled.score - worst) / (best - worst))

    return Question(form=form, read=read)
