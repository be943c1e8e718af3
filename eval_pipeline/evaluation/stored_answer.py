"""An answer of an earlier experiment, in the place of the target's, with the scores that it was given."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from eval_pipeline.results.case_result import AssertionResult, CaseResult, ReusedFrom
from eval_pipeline.targets.session import LiveSession


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """A result whose answer still is what the target would answer, as far as its version says."""

    result: CaseResult
    only: frozenset[str] = frozenset()
    """The metrics that are scored again, of the others scores are kept whatever has changed; empty for all."""

    @property
    def origin(self) -> ReusedFrom:
        """The experiment in which the answer was made."""
        result = self.result
        own = ReusedFrom(experiment=result.experiment, run_id=result.run_id, trace_url=result.trace_url)
        return result.answer_from or result.reused_from or own

    def is_kept(self, metric: str) -> bool:
        """Whether the scores of a metric are not made again, whatever has changed."""
        return bool(self.only) and metric not in self.only

    def scores(self, turn: int | None, fingerprint: str, metric: str) -> list[AssertionResult]:
        """The results of the assertion of a metric with this fingerprint, placed on a turn or on the conversation.

        Empty if it was not carried out, or broke.
        """
        if self.is_kept(metric):
            results = [each for each in self.result.assertions if (each.turn, each.name) == (turn, metric)]
        else:
            results = self._scores().get((turn, fingerprint), [])
        if any(result.error is not None for result in results):
            return []
        whole = self.result.reused_from
        made_in = self.result.experiment if whole is None else whole.experiment
        return [replace(result, reused_from=result.reused_from or made_in, usage=()) for result in results]

    def _scores(self) -> dict[tuple[int | None, str], list[AssertionResult]]:
        scores: defaultdict[tuple[int | None, str], list[AssertionResult]] = defaultdict(list)
        for result in self.result.assertions:
            if result.fingerprint is not None:
                scores[result.turn, result.fingerprint].append(result)
        return scores


class StoredSession(LiveSession):
    """The session of an attempt whose turns are those of a stored answer."""

    def __init__(self, answer: StoredAnswer) -> None:
        self._inputs = [turn.input for turn in answer.result.turns]

    @property
    @override
    def script(self) -> Sequence[Any]:  # type: ignore[override]
        """The inputs of the stored turns."""
        return self._inputs
