"""Assertions that a chat model decides.

Belongs here: fields and checks that need no run. Does not belong here: asking the model
(`eval_pipeline.evaluation.judging`).
"""

from typing import Literal

from eval_pipeline.suite.assertions.base import BaseAssertion


class LlmRubric(BaseAssertion):
    """A judge (a chat model) finds that the answer meets the rubric."""

    type: Literal["llm_rubric"]
    value: str
    model: str | None = None
    """By default the suite's `judge.model`."""
