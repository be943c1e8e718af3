"""Read human verdicts on an experiment's results from LangSmith's feedback.

A human verdict is feedback that no model gave, under the key of an assertion; or a correction, on any feedback.
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
    """A person's verdict on one assertion's result."""

    feedback_id: str
    modified_at: str
    """ISO 8601, UTC."""
    result: CaseResult
    assertion: AssertionResult
    verdict: bool | float | str
    comment: str | None

    def label(self) -> HumanLabel:
        """The verdict as a label, for measuring agreement."""
        return HumanLabel(
            case_id=self.result.case_id,
            assertion=self.assertion.name,
            label=self.verdict,
            attempt=self.result.attempt,
            turn=self.assertion.turn,
            place=f"feedback {self.feedback_id}",
        )


def verdicts(results: Iterable[CaseResult], feedback: Iterable[Feedback]) -> list[HumanVerdict]:
    """All human verdicts on the results, the oldest first."""
    by_run = {result.run_id: result for result in results if result.run_id is not None}
    unsorted = [verdict for each in feedback for verdict in _verdict(each, by_run)]
    return sorted(unsorted, key=lambda verdict: (verdict.modified_at, verdict.feedback_id))


def latest_of_each(verdicts: Iterable[HumanVerdict]) -> list[HumanVerdict]:
    """The last verdict on each result, so that a change of mind does not count as two opinions."""
    last = {(each.result.run_id, each.assertion.name, each.assertion.turn): each for each in verdicts}
    return list(last.values())


def _verdict(feedback: Feedback, results: Mapping[str, CaseResult]) -> Iterator[HumanVerdict]:
    result = results.get(str(feedback.run_id))
    value, comment = _value_and_comment(feedback)
    if result is None or value is None:
        return
    assertions = dict(zip(keys_of(result.assertions), result.assertions, strict=True))
    assertion = assertions.get(feedback.key)
    if assertion is None:
        return
    if assertion.passed is not None and value in (0, 1, "0", "1"):
        value = bool(int(value))
    yield HumanVerdict(
        feedback_id=str(feedback.id),
        modified_at=(feedback.modified_at or feedback.created_at).isoformat(),
        result=result,
        assertion=assertion,
        verdict=value,
        comment=comment,
    )


def _value_and_comment(feedback: Feedback) -> tuple[Any, str | None]:
    """A person's verdict and comment; None for what no person gave."""
    correction = feedback.correction
    if correction is not None:
        if not isinstance(correction, Mapping):
            return correction, feedback.comment if _by_person(feedback) else None
        value = next((correction[name] for name in _CORRECTED if correction.get(name) is not None), None)
        comment = next((str(correction[name]) for name in _COMMENTS if correction.get(name)), None)
        # A model's comment is about the value that was corrected.
        return value, comment or (feedback.comment if _by_person(feedback) else None)
    if not _by_person(feedback):
        return None, None
    # The text of a category is more specific than its number.
    return (feedback.value if isinstance(feedback.value, str | bool) else feedback.score), feedback.comment


def _by_person(feedback: Feedback) -> bool:
    return feedback.feedback_source is not None and feedback.feedback_source.type != "model"
