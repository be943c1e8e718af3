"""Gates: thresholds that an experiment must meet, as written under `gates:` in `suite.yaml`.

For example:

    gates:
      min_pass_rate: 0.9                                              # short form: all cases, blocks
      max_error_rate: [0.02, {threshold: 0, slice: tag=smoke}]        # several
      max_regression: {test: any, threshold: 0.05, action: warn}      # as fields
      level: 0.05                                                     # of all significance tests together
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document

EVERY = "*"

_SLICE = re.compile(r"(split|tag|metadata\.[^=]+)=.+")


class Gate(Document):
    """Fields of every gate."""

    slice: str | None = None
    """`split=hard`, `tag=refunds` or `metadata.tier=gold`; with `*` as the value, every slice of the kind must meet the
    gate. By default all cases."""
    action: Literal["block", "warn"] = "block"
    """Whether failing the gate stops downstream assets and fails the run, or only warns."""

    @field_validator("slice")
    @classmethod
    def _is_slice(cls, value: str | None) -> str | None:
        if value is not None and not _SLICE.fullmatch(value):
            reason = {"value": value, "fix": "write `split=hard`, `tag=refunds`, `metadata.tier=gold` or `tag=*`"}
            raise PydanticCustomError("slice", "'{value}' does not name a slice", reason)
        return value


class RateGate(Gate):
    """A gate on a share of the attempts."""

    threshold: float = Field(ge=0, le=1)
    """The share, from 0 to 1."""
    by: Literal["point", "interval"] = "point"
    """What the threshold is compared with. `point`: the observed share, which chance moves: where the true share is at
    the threshold, about half of the experiments fail. `interval`: the gate fails only if the whole 95 % interval of the
    share is beyond the threshold, which chance alone causes in at most 2.5 % of the experiments."""


class LimitGate(Gate):
    """A gate on the dollars of the whole experiment, or the seconds of an attempt."""

    threshold: float = Field(ge=0)
    """Dollars or seconds, by the gate."""


class ScoreGate(Gate):
    """A gate on the mean of a metric: that of its scores, or of its values if it is without bounds."""

    metric: str = "score"
    """An assertion, a metric of `summary:`, or `score`, the weighted mean of all assertions."""
    threshold: float
    """In the metric's unit."""
    by: Literal["point", "interval"] = "point"
    """As for rates: `point` compares the observed mean, `interval` fails only if the whole 95 % interval is beyond."""


class ShareGate(RateGate):
    """A gate on the share of a label."""

    metric: str
    """The assertion or evaluator that gives labels."""
    label: str
    """The label, as the evaluator returns it."""


class RegressionGate(Gate):
    """A gate on the drop of a number below that of the baseline, on the same cases."""

    test: Literal["significant", "any"] = "significant"
    """`significant`: a drop fails if chance alone hardly causes one as large (a one-sided paired permutation test; all
    of a suite's tests share the `level`). `any`: every drop fails, also one by chance: without a `threshold`, nearly
    every second experiment in which nothing changed, if some attempts are flaky."""
    threshold: float = Field(default=0.0, ge=0, lt=1)
    """A drop of at most this size passes whatever the result of the test: 0.02 is two points of the pass rate."""
    metric: str | None = None
    """The name of an assertion, for its mean score; by default the pass rate."""

    @model_validator(mode="after")
    def _one_cut(self) -> "RegressionGate":
        if self.metric is not None and self.slice is not None:
            reason = {"fix": "write two gates, one with `metric` and one with `slice`"}
            raise PydanticCustomError("gate", "a gate has a metric or a slice, not both", reason)
        return self


def _listed(model: type[Gate], short: str) -> BeforeValidator:
    """Accept one gate or a list, each in its short form or as fields."""

    def listed(value: Any) -> Any:
        return [_gate(item) for item in (value if isinstance(value, list | tuple) else [value])]

    def _gate(item: Any) -> Any:
        if isinstance(item, dict | Gate):
            return item
        try:
            return model.model_validate({short: item})
        except ValidationError as error:
            # Raised here, so that the error names the field that was written, not one within it.
            message = error.errors()[0]["msg"].removeprefix("Input should be ")
            reason = {
                "value": str(item),
                "expected": message,
                "fix": f"{_as_share(item) if model is RateGate else 'correct it'}, or write a mapping with `{short}`",
            }
            raise PydanticCustomError("gate", "{value} should be {expected}", reason) from error

    return BeforeValidator(listed)


def _as_share(value: Any) -> str:
    """How to write a share that was probably meant as a percentage."""
    percent = isinstance(value, int | float) and 1 < value <= 100 and value == int(value)  # noqa: PLR2004
    return f"write {value / 100:g} for {value:g} %" if percent else "write a share from 0 to 1, such as 0.9 for 90 %"


_RATES = _listed(RateGate, "threshold")
_LIMITS = _listed(LimitGate, "threshold")


class Gates(Document):
    """The gates of a suite; each becomes an asset check on `experiment_summary`."""

    min_pass_rate: Annotated[tuple[RateGate, ...], _RATES] = ()
    """The least share of attempts that pass."""
    max_regression: Annotated[tuple[RegressionGate, ...], _listed(RegressionGate, "test")] = ()
    """How much worse than the baseline the experiment may be."""
    max_error_rate: Annotated[tuple[RateGate, ...], _RATES] = ()
    """The largest share of attempts that end with an error."""
    max_skipped: Annotated[tuple[RateGate, ...], _RATES] = ()
    """The share of attempts that may be skipped when a budget is used up. Other gates leave skipped attempts out."""
    max_cost_usd: Annotated[tuple[LimitGate, ...], _LIMITS] = ()
    """The most dollars of the whole experiment."""
    max_p95_latency_s: Annotated[tuple[LimitGate, ...], _LIMITS] = ()
    """The most seconds that 95 % of the attempts take."""
    min_score: Annotated[tuple[ScoreGate, ...], _listed(ScoreGate, "threshold")] = ()
    """The least mean of a metric. An attempt that ended in an error counts 0, or the assertion's `worst`."""
    max_score: Annotated[tuple[ScoreGate, ...], _listed(ScoreGate, "threshold")] = ()
    """The greatest mean of a metric of which less is better. An error counts 1, or the assertion's `worst`."""
    min_share: tuple[ShareGate, ...] = ()
    """The least share of a label: `{metric: tone, label: kind, threshold: 0.9}`. An error counts as another label."""
    max_share: tuple[ShareGate, ...] = ()
    """The greatest share of a label. An error counts as this label."""
    min_agreement: float | None = Field(default=None, ge=-1, le=1)
    """The least agreement of a judge with people (`eval-pipeline agreement`): Cohen's kappa, or of numbers Spearman's
    correlation. A gate that decides by a judge below it, or by one of unknown agreement, warns instead of blocks."""
    level: float = Field(default=0.05, gt=0, lt=1)
    """The probability that chance alone fails any of the gates `max_regression: significant`, if nothing became worse.
    They share it, and each gate's share is shared by its slices (Holm's method)."""

    @field_validator("min_share", "max_share", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict | ShareGate) else value

    def named(self) -> dict[str, tuple[str, Gate]]:
        """Every gate with its kind (the name of its field), by the name of its asset check."""
        gates: dict[str, tuple[str, Gate]] = {}
        for kind in (field for field in type(self).model_fields if field not in ("level", "min_agreement")):
            for gate in getattr(self, kind):
                name = base = _check_name(kind, gate)
                number = 2
                while name in gates:
                    name, number = f"{base}_{number}", number + 1
                gates[name] = kind, gate
        return gates


def _check_name(kind: str, gate: Gate) -> str:
    parts = [kind]
    if gate.slice is not None:
        parts.append(gate.slice.replace(f"={EVERY}", "=each"))
    if isinstance(gate, ShareGate):
        parts += [gate.metric, gate.label]
    elif isinstance(gate, RegressionGate | ScoreGate) and gate.metric not in (None, "score"):
        parts.append(str(gate.metric))
    return "__".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in parts)
