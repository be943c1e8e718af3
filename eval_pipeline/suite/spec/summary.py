"""Metrics over all cases, as written under `summary:` in `suite.yaml`."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import checked_import_path
from eval_pipeline.suite.spec.expression import PartPath

Measured = Literal["accuracy", "precision", "recall", "f1", "confusion", "correlation"]
Reducer = Literal["mean", "median", "mode", "max", "min", "at_least"]


class SummaryMetric(Document):
    """A number over all cases: one of three forms.

    `{measure: f1, predicted: outputs.label, expected: reference.label}` compares what was predicted with what was
    expected; `{metric: correct, reduce: at_least, k: 2}` reduces a metric's attempts at each case to one value, whose
    mean is taken; `{evaluator: "checks.py:f1"}` calls a summary evaluator written for LangSmith, unchanged.
    """

    name: str | None = None
    """By default the measure, the metric with its reducer, or the evaluator's key."""
    measure: Measured | None = None
    """`confusion` counts pairs; `correlation` is Spearman's, with Pearson's beside it."""
    predicted: PartPath | None = None
    """What was predicted: a JMESPath into `{outputs, text, state, inputs, metadata}` of the last turn, by default the
    label, score or value of `metric`."""
    expected: PartPath | None = None
    """What was expected: a JMESPath into `{reference, inputs, metadata}`."""
    positive: str | int | bool | None = None
    """Of precision, recall and F1: the label they are about. Without it they are the means over all labels."""
    metric: str | None = None
    """The name of an assertion."""
    reduce: Reducer | None = None
    """How the attempts at a case become one value. `mode` is the most frequent, `at_least` whether `k` of them pass."""
    k: int | None = Field(default=None, ge=1)
    """With `reduce: at_least`: how many attempts at a case have to pass."""
    evaluator: str | None = None
    """A summary evaluator: called with `runs` and `examples`, or with `inputs`, `outputs`, `reference_outputs`."""

    @field_validator("evaluator")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        return None if value is None else checked_import_path(value)

    @model_validator(mode="after")
    def _is_one_form(self) -> "SummaryMetric":
        forms = [name for name in ("measure", "reduce", "evaluator") if getattr(self, name) is not None]
        if len(forms) != 1:
            raise _problem("one of `measure`, `reduce` and `evaluator` is needed", "give exactly one")
        if self.measure is not None and (self.expected is None or (self.predicted is None and self.metric is None)):
            raise _problem("nothing to compare", "give `expected`, and `predicted` or the `metric` that predicts")
        if self.reduce is not None and self.metric is None:
            raise _problem("nothing to reduce", "give the `metric`")
        if (self.reduce == "at_least") != (self.k is not None):
            raise _problem("`k` goes with `reduce: at_least`", "give both, or neither")
        return self

    @property
    def title(self) -> str:
        """The metric's name, unless its evaluator names another."""
        if self.name is not None:
            return self.name
        if self.evaluator is not None:
            return self.evaluator.rpartition(":")[2].rpartition(".")[2]
        if self.measure is not None:
            return self.measure
        return f"{self.metric}.{self.reduce}" + ("" if self.k is None else f"_{self.k}")


def _problem(message: str, fix: str) -> PydanticCustomError:
    reason: dict[str, Any] = {"fix": fix}
    return PydanticCustomError("summary", message, reason)
