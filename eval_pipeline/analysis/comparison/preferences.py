"""Ask a judge which of two experiments it prefers, case by case."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from eval_pipeline.analysis.statistics.estimate import Estimate, estimate
from eval_pipeline.analysis.statistics.paired import paired_difference
from eval_pipeline.assertions.judges.preference import prefer
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.models.calls.failures import require_accepted_key
from eval_pipeline.results.case_result import COMPLETED, TurnResult
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.judge import Judge

Preferred = Literal["now", "then", "tie"]
_PREFERRED: Mapping[str | None, Preferred] = {"better": "now", "worse": "then", "tie": "tie"}
_AT_ONCE = 8
_EVEN = 0.5


@dataclass(frozen=True, kw_only=True)
class CasePreference:
    """The judge's preference between two attempts at one case."""

    case_id: str
    attempt: int
    preferred: Preferred | None
    """None if the judge failed with an error, or gave no answer."""
    score: float | None
    """1 if the new one is better, 0.5 for a tie, 0 if it is worse."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """The judge's preferences for all cases."""

    rubric: str
    counts: Mapping[str, int]
    """`now`, `then`, `tie`, and `unjudged`."""
    rate: Estimate | None
    """How often the new one is preferred; a tie is half a preference."""
    p_value: float
    """Two-sided, by sign flips of the cases: the probability of a preference at least as clear by chance alone."""
    preferences: Sequence[CasePreference]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


async def judge_preferences(
    store: Store, suite: str, *, experiment: str, baseline: str, rubric: str, judge: Judge, folder: Path, limit: int
) -> Preferences:
    """Ask the judge which attempt is better, in each case that both experiments answered. Nothing of it is traced.

    Args:
        store: where both are stored.
        suite: the suite of both.
        experiment: the new experiment.
        baseline: the other experiment.
        rubric: what makes an answer good.
        judge: is asked in both orders.
        folder: the suite's folder.
        limit: the most pairs of attempts, in the order of the cases.
    """
    now, then = (_answered(store, suite, name) for name in (experiment, baseline))
    pairs = sorted(now.keys() & then.keys())[:limit]
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(pair: tuple[str, int]) -> CasePreference:
        async with free:
            return await _ask(pair, now[pair], then[pair], rubric=rubric, judge=judge, folder=folder)

    with no_ambient_tracing(), untraced():
        preferences = await asyncio.gather(*map(ask, pairs))
    return summed_preferences(rubric, preferences)


def summed_preferences(rubric: str, preferences: Sequence[CasePreference]) -> Preferences:
    """Preferences of single cases together; `rubric` is what they were decided by."""
    by_case: dict[str, list[float]] = defaultdict(list)
    for one in preferences:
        if one.score is not None:
            by_case[one.case_id].append(one.score)
    tested = paired_difference([_EVEN] * len(by_case), [fmean(scores) for scores in by_case.values()], most=_EVEN)
    rate = estimate(list(by_case.values()))
    if rate is not None and tested is not None and tested.low is not None and tested.high is not None:
        # The interval of the test, so that it excludes one half where the p-value is below 0.05.
        rate = replace(rate, low=_EVEN + tested.low, high=_EVEN + tested.high)
    return Preferences(
        rubric=rubric,
        counts={"now": 0, "then": 0, "tie": 0, **Counter(one.preferred or "unjudged" for one in preferences)},
        rate=rate,
        p_value=1.0 if tested is None else tested.p_value,
        preferences=preferences,
    )


async def _ask(
    pair: tuple[str, int],
    now: Sequence[TurnResult],
    then: Sequence[TurnResult],
    *,
    rubric: str,
    judge: Judge,
    folder: Path,
) -> CasePreference:
    case_id, attempt = pair
    # Conversations of several turns diverge after the first: they are compared as a whole.
    single = len(now) == len(then) == 1
    answers = [turns[0].response if single else _conversation(turns) for turns in (now, then)]
    try:
        verdict = await prefer(*answers, rubric=rubric, turns=now[:1], judge=judge, folder=folder)
    except Exception as error:  # noqa: BLE001 - whatever the judge says of one case, the others are kept
        require_accepted_key(error)
        return CasePreference(case_id=case_id, attempt=attempt, preferred=None, score=None, why=str(error))
    return CasePreference(
        case_id=case_id,
        attempt=attempt,
        preferred=_PREFERRED[verdict.label],
        score=verdict.score,
        why=verdict.message,
    )


def _conversation(turns: Sequence[TurnResult]) -> str:
    return "\n".join(f"User: {turn.text}\nAssistant: {turn.response}" for turn in turns)


def _answered(store: Store, suite: str, experiment: str) -> dict[tuple[str, int], list[TurnResult]]:
    rows = read_results(store, suite, experiment, columns=["status", "turns"]).to_pylist()
    return {
        (row["case_id"], row["attempt"]): [
            TurnResult(
                index=turn["index"],
                input=turn["input"],
                response=turn["response"],
                events=(),
                latency_s=turn["latency_s"],
            )
            for turn in row["turns"]
        ]
        for row in rows
        if row["status"] in COMPLETED and row["turns"]
    }
