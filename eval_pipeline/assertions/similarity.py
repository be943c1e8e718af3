"""The assertion on how near an answer is to another text: `similarity`."""

import asyncio
import functools
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import regex
from langchain_core.embeddings import Embeddings
from typing_extensions import override

from eval_pipeline.assertions.comparing import ComparingAssertion
from eval_pipeline.assertions.normal_form import normal_text
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.opening import embeddings_model
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.spec.assertion import AssertionExample, SuiteFacts

_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|\w+")
"""A word; scripts written without spaces count by the character."""


_MANY_CHARACTERS = 50_000


class Similarity(ComparingAssertion):
    """How near the text is to `value`, or to the nearest of them; 1 is the same. Give a `threshold` to decide by it.

    Without `model`, the F1 of the words both have (Rajpurkar et al. 2016, without its dropping of English articles);
    with one, the cosine of the two embeddings, 0 where it is negative.
    """

    type: Literal["similarity"]
    value: str | tuple[str, ...]
    """A text, or several of which the most similar counts."""
    model: str | None = None
    """An embeddings model: `provider:model`, or an import path to LangChain `Embeddings`."""

    examples = (
        AssertionExample(
            "{type: similarity, value: tea is sold out, threshold: 0.7}", "Tea is sold out today", "We sell gold"
        ),
    )

    @override
    async def check(self, scope: Scope) -> CheckResult:
        values = (self.value,) if isinstance(self.value, str) else self.value
        if self.model is None:
            scores = await self._word_scores(scope.response, values)
        else:
            model = _embeddings(self.model, scope.folder)
            answer, *others = await model.aembed_documents([scope.response, *values])
            cosines = [cosine(answer, other) for other in others]
            if not all(map(math.isfinite, cosines)):
                message = f"the embeddings of {self.model!r} hold what is no number"
                raise InputError(Problem(message=message, fix="correct the model, or name another"))
            scores = [max(0.0, similarity) for similarity in cosines]
        best = max(range(len(values)), key=scores.__getitem__)
        return CheckResult(passed=None, score=scores[best], message=f"{scores[best]:.3f} to {values[best]!r}")

    async def _word_scores(self, answer: str, values: Sequence[str]) -> list[float]:
        if len(answer) > _MANY_CHARACTERS:  # so that other attempts do not wait
            return [await asyncio.to_thread(word_f1, answer, value) for value in values]
        return [word_f1(answer, value) for value in values]

    @override
    def nothing(self) -> CheckResult:
        return CheckResult(passed=None, score=0.0, message="there is nothing")

    @override
    def may_decide(self, suite: SuiteFacts) -> bool:
        return self.threshold is not None

    @override
    def version(self, suite: SuiteFacts) -> Any:
        return None if self.model is None else suite.model_version(self.model)

    @override
    def code_paths(self, suite: SuiteFacts) -> Sequence[str]:
        return [] if self.model is None or not is_code_path(self.model) else [self.model]

    @override
    def problems(self, suite: SuiteFacts) -> Sequence[Problem]:
        if self.model is None or not is_code_path(self.model):
            return ()
        return suite.import_problems(self.model, field="model")


def word_f1(answer: str, expected: str) -> float:
    """The harmonic mean of precision and recall of the words both have, as in SQuAD (Rajpurkar et al. 2016, 6.1).

    Case does not count. Two texts without words are the same.
    """
    first, second = Counter(_words(answer)), Counter(_words(expected))
    if not first or not second:
        return float(first == second)
    return 2 * (first & second).total() / (first.total() + second.total())


def cosine(first: list[float], second: list[float]) -> float:
    """The cosine of two vectors; 0 if one has no length, and NaN if one holds what is no number."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.minimum(1.0, np.dot(first, second) / length)) if length else 0.0


def _words(text: str) -> list[str]:
    return [match[0] for match in _WORD.finditer(normal_text(text).casefold())]


@functools.lru_cache(maxsize=32)
def _embeddings(name: str, folder: Path) -> Embeddings:
    return embeddings_model(name, folder=folder)
