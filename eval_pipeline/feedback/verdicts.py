"""What people said in LangSmith of an experiment's results.

A person's verdict is feedback that no model gave, under the key of an assertion; or a correction, on any feedback.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langsmith.schemas import Feedback

from eval_pipeline.analysis.agreement.human_labels import HumanLabel
from eval_pipeline.results.case_result import AssertionResult, CaseResult
from eval_pipeline.tracing.experiment.feedback import keys_of

_CORRECTED = ("score", "value", "label", "verdict")
_COMMENTS = ("comment", "explanation")


@dataclass(frozen=True, kw_only=True)
class HumanVerdict:
    """What somebody said of one assertion's result."""

    feedback_id: str
    modified_at: str
    """ISO 8601, UTC."""
    result: CaseResult
    assertion: AssertionResult
    verdict: bool | float | str
    comment: str | None

    def label(self) -> HumanLabel:
        """It, for measuring agreement."""
        return HumanLabel(
            case_id=self.result.case_id,
            assertion=self.assertion.name,
            label=self.verdict,
            attempt=self.result.attempt,
            turn=self.assertion.turn,
            place=f"feedback {self.feedback_id}",
        )


def verdicts(results: Iterable[CaseResult], feedback: Iterable[Feedback]) -> list[HumanVerdict]:
    """People's verdicts on the results, the oldest first; of several on one result, all."""
    found = {result.run_id: result for result in results if result.run_id is not None}
    said = [verdict for one in feedback for verdict in _verdict(one, found)]
    return sorted(said, key=lambda verdict: (verdict.modified_at, verdict.feedback_id))


def latest_of_each(said: Iterable[HumanVerdict]) -> list[HumanVerdict]:
    """The last verdict on each result, so that nobody's change of mind counts as two opinions."""
    last = {(one.result.run_id, one.assertion.name, one.assertion.turn): one for one in said}
    return list(last.values())


def _verdict(one: Feedback, results: Mapping[str, CaseResult]) -> Iterator[HumanVerdict]:
    result = results.get(str(one.run_id))
    value, comment = _said(one)
    if result is None or value is None:
        return
    assertions = dict(zip(keys_of(result.assertions), result.assertions, strict=True))
    assertion = assertions.get(one.key)
    if assertion is None:
        return
    if assertion.passed is not None and value in (0, 1, "0", "1"):
        value = bool(int(value))
    yield HumanVerdict(
        feedback_id=str(one.id),
        modified_at=(one.modified_at or one.created_at).isoformat(),
        result=result,
        assertion=assertion,
        verdict=value,
        comment=comment,
    )


def _said(one: Feedback) -> tuple[Any, str | None]:
    """Verdict and comment; no verdict if no person said anything."""
    correction = one.correction
    if correction is not None:
        if not isinstance(correction, Mapping):
            return correction, one.comment if _by_person(one) else None
        value = next((correction[name] for name in _CORRECTED if correction.get(name) is not None), None)
        comment = next((str(correction[name]) for name in _COMMENTS if correction.get(name)), None)
        # The comment of a model is what was corrected.
        return value, comment or (one.comment if _by_person(one) else None)
    if not _by_person(one):
        return None, None
    # A category's text says more than the number that it stands for.
    return (one.value if isinstance(one.value, str | bool) else one.score), one.comment


def _by_person(one: Feedback) -> bool:
    return one.feedback_source is not None and one.feedback_source.type != "model"
