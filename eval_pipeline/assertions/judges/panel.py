"""Asking a judge, or a panel of judges, and combining their votes into one result."""

import asyncio
import functools
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from eval_pipeline.assertions.judges.prompt import Messages
from eval_pipeline.assertions.judges.questions import JudgeDecision, Question
from eval_pipeline.assertions.scope import CheckResult
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.models.calls.failures import require_accepted_key
from eval_pipeline.models.opening import chat_model
from eval_pipeline.models.structured import FormReader
from eval_pipeline.results.case_result import Vote
from eval_pipeline.suite.spec.judge import Judge

Ask = Callable[[str], Awaitable[tuple[JudgeDecision, str]]]
"""From a model's name to its decision and its reasoning."""


async def verdict_of_panel(judge: Judge, ask: Ask, *, seen: Sequence[str] = ()) -> CheckResult:
    """The result of all members of the panel together; all are asked at once.

    Args:
        judge: the panel.
        ask: asks one of its members.
        seen: what each is shown besides the conversation, for the votes.

    Raises:
        InfrastructureError: the infrastructure failed.
        InputError: half of a panel or more gave no verdict. A single judge's error is raised as it is.
    """
    votes = await asyncio.gather(*(_vote(name, ask, alone=len(judge.models) == 1) for name in judge.models))
    return combined([{**vote, "seen": [*seen]} for vote in votes] if seen else votes, how=judge.combine)


async def ask_model(
    name: str, messages: Messages, question: Question, *, judge: Judge, folder: Path
) -> tuple[Any, str]:
    """The decision of the model called `name`, and its reasoning.

    Raises:
        InputError: the model did not answer in the form of the question, though it was asked again.
    """
    options = json.dumps(dict(judge.options), sort_keys=True)

    def read(filled: BaseModel) -> tuple[JudgeDecision, str]:
        return question.read(filled), str(getattr(filled, "reasoning", ""))

    return await _reader(name, folder, options, question.form).ask(messages, read, run_name="judge")


def combined(votes: Sequence[Vote], *, how: str) -> CheckResult:
    """The result of all votes: see `Judge.combine`.

    Raises:
        InputError: half of them or more are errors.
    """
    valid = [vote for vote in votes if vote["error"] is None]
    if 2 * len(valid) <= len(votes):
        errors = "; ".join(f"{vote['model']}: {vote['error']}" for vote in votes if vote["error"] is not None)
        message = f"{len(votes) - len(valid)} of {len(votes)} judges gave no verdict: {errors}"
        raise InputError(Problem(message=message, fix="correct the models, or name others"))
    mean = math.fsum(vote["score"] or 0.0 for vote in valid) / len(valid)
    message = _message(valid, len(votes))
    if all(vote["passed"] is not None for vote in valid):
        passed = 2 * sum(vote["passed"] is True for vote in valid) > len(valid)
        return CheckResult(passed=passed, score=mean if how == "mean" else None, message=message, votes=votes)
    if how == "majority" and all(vote["label"] is not None for vote in valid):
        chosen = _most_frequent(valid)
        return CheckResult(passed=None, score=chosen["score"], label=chosen["label"], message=message, votes=votes)
    label = valid[0]["label"] if len(valid) == 1 else None
    return CheckResult(passed=None, score=mean, label=label, message=message, votes=votes)


def _most_frequent(votes: Sequence[Vote]) -> Vote:
    counts = Counter(vote["label"] for vote in votes)
    return min(votes, key=lambda vote: (-counts[vote["label"]], vote["score"] or 0.0))


def _message(votes: Sequence[Vote], asked: int) -> str:
    if asked == 1:
        return votes[0]["reasoning"]
    opinions = "; ".join(f"{vote['model']}: {_opinion(vote)}" for vote in votes)
    return f"{len(votes)} of {asked} judges: {opinions}"


def _opinion(vote: Vote) -> str:
    if vote["label"] is not None:
        return vote["label"]
    if vote["passed"] is not None:
        return "yes" if vote["passed"] else "no"
    return f"{vote['score']:g}"


async def _vote(name: str, ask: Ask, *, alone: bool) -> Vote:
    try:
        decision, reasoning = await ask(name)
    except InfrastructureError:
        raise
    except Exception as error:
        require_accepted_key(error)
        if alone:
            raise
        reason = f"{type(error).__name__}: {error}"
        return Vote(model=name, passed=None, score=None, label=None, reasoning="", error=reason)
    return Vote(
        model=name,
        passed=decision.passed,
        score=decision.score,
        label=decision.label,
        reasoning=reasoning,
        error=None,
    )


@functools.lru_cache(maxsize=256)
def _reader(name: str, folder: Path, options: str, form: type[BaseModel]) -> FormReader[BaseModel]:
    return FormReader(chat_model(name, folder=folder, **json.loads(options)), form, name=f"the judge {name}")
