"""The offline model as a judge: an answer meets a rubric if it contains its numbers and most of its words."""

import re
from dataclasses import dataclass

from eval_pipeline.suites.support_desk.similarity import words

_RUBRIC = re.compile(
    r"^\W*(?:rubric|criteria|criterion)\W*:\s*(.+?)(?=\n\s*\n|\n\W*<|\Z)", re.IGNORECASE | re.DOTALL | re.MULTILINE
)
_ANSWER = re.compile(r"^Assistant:\s*(.*?)(?=^User:|^</|\Z)", re.DOTALL | re.MULTILINE)
_COMPARED = re.compile(r"<answer_([ab])>\n(.*?)\n</answer_\1>", re.DOTALL)
_REQUIRED_SHARE = 0.5
_TALK_OF_ANSWERS = frozenset(
    words("the answer states says tells names explains gives mentions that customer user assistant agent must only")
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How much of the rubric the answer covers, and whether that is enough."""

    passed: bool
    score: float
    reasoning: str


def judge(prompt: str) -> Judgement:
    """Judge the answers in `prompt`: they must contain every number of the rubric and half of its words."""
    return _judge(*_sections(prompt))


def prefer(prompt: str) -> str:
    """`A`, `B` or `tie`: which of the two answers in `prompt` covers more of the rubric."""
    rubric, _ = _sections(prompt)
    scores = {place: _judge(rubric, answer).score for place, answer in _COMPARED.findall(prompt)}
    if scores["a"] == scores["b"]:
        return "tie"
    return "A" if scores["a"] > scores["b"] else "B"


def _judge(rubric: str, answer: str) -> Judgement:
    required = {word for word in words(rubric) if word not in _TALK_OF_ANSWERS}
    present = set(words(answer))
    if not required:
        return Judgement(
            passed=bool(present), score=float(bool(present)), reasoning="The rubric names nothing to look for."
        )
    missing = sorted(required - present)
    numbers = [word for word in missing if word[0].isdigit()]
    share = 1 - len(missing) / len(required)
    passed = not numbers and share >= _REQUIRED_SHARE
    reasoning = f"The answer has {share:.0%} of the rubric's words; missing: {', '.join(missing) or 'nothing'}."
    return Judgement(passed=passed, score=round(share, 3), reasoning=reasoning)


def _sections(prompt: str) -> tuple[str, str]:
    rubric = _RUBRIC.search(prompt)
    answers = [match.strip() for match in _ANSWER.findall(prompt)]
    return (rubric[1] if rubric else prompt), "\n".join(answers) if answers else prompt
