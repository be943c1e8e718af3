"""Asking a judge which of two answers is better, in both orders."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from eval_pipeline.assertions.judges.evidence import Evidence
from eval_pipeline.assertions.judges.panel import ask_model, verdict_of_panel
from eval_pipeline.assertions.judges.prompt import comparing_prompt
from eval_pipeline.assertions.judges.questions import JudgeDecision, PreferenceForm, Question
from eval_pipeline.assertions.scope import CheckResult
from eval_pipeline.results.case_result import TurnResult
from eval_pipeline.suite.spec.judge import Judge

SCORES = {"better": 1.0, "tie": 0.5, "worse": 0.0}


async def prefer(
    answer: str,
    over: str,
    *,
    rubric: str,
    turns: Sequence[TurnResult],
    judge: Judge,
    folder: Path,
    evidence: Sequence[Evidence] = (),
) -> CheckResult:
    """Whether `answer` is better than `over`, worse, or neither: the label, and its score in `SCORES`.

    A judge that decides otherwise when the two change places has decided `tie` (Zheng et al. 2023, section 3.4).

    Args:
        answer: the one that the label is about.
        over: the other one.
        rubric: what a good answer is.
        turns: the conversation; both answer the user's last message in it.
        judge: the models that are asked.
        folder: the suite's.
        evidence: what the judge is shown besides.

    Raises:
        InputError: the judge gave no verdict.
        InfrastructureError: the infrastructure failed.
    """

    async def ask(name: str) -> tuple[JudgeDecision, str]:
        orders = [(answer, over, _FIRST), (over, answer, _SECOND)]
        prompts = [
            (comparing_prompt(rubric, turns, first=first, second=second, judge=judge, evidence=evidence), question)
            for first, second, question in orders
        ]
        asked = (ask_model(name, prompt, question, judge=judge, folder=folder) for prompt, question in prompts)
        (first, why_first), (second, why_second) = await asyncio.gather(*asked)
        label = first.label if first.label == second.label else "tie"
        reasoning = f"shown first: {first.label}. {why_first}\nshown second: {second.label}. {why_second}"
        return JudgeDecision(label=label, score=SCORES[label]), reasoning

    return await verdict_of_panel(judge, ask, seen=[each.seen for each in evidence])


def _reading(meaning: dict[str, str]) -> Question:
    return Question(form=PreferenceForm, read=lambda filled: JudgeDecision(label=meaning[filled.better]))


_FIRST = _reading({"A": "better", "B": "worse", "tie": "tie"})
_SECOND = _reading({"A": "worse", "B": "better", "tie": "tie"})
