"""How near an answer is to another text."""

import functools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import regex
from langchain_core.embeddings import Embeddings

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.opening import embeddings_model

_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|\w+")
"""A word; scripts written without spaces count by the character."""


async def similarity(assertion: spec.Similarity, scope: Scope) -> CheckResult:
    """The nearest of the values, by words or by embeddings.

    Raises:
        InputError: the embeddings are no numbers.
    """
    values = (assertion.value,) if isinstance(assertion.value, str) else assertion.value
    if assertion.model is None:
        scores = [word_f1(scope.response, value) for value in values]
    else:
        model = _embeddings(assertion.model, scope.folder)
        answer, *others = await model.aembed_documents([scope.response, *values])
        cosines = [cosine(answer, other) for other in others]
        if not all(map(math.isfinite, cosines)):
            message = f"the embeddings of {assertion.model!r} hold what is no number"
            raise InputError(Problem(message=message, fix="see to the model, or name another"))
        scores = [max(0.0, found) for found in cosines]
    best = max(range(len(values)), key=scores.__getitem__)
    return CheckResult(passed=None, score=scores[best], message=f"{scores[best]:.3f} to {values[best]!r}")


def word_f1(said: str, expected: str) -> float:
    """The harmonic mean of precision and recall of the words both have, as in SQuAD (Rajpurkar et al. 2016, 6.1).

    Case does not count. Two texts without words are the same.
    """
    first, second = Counter(_words(said)), Counter(_words(expected))
    if not first or not second:
        return float(first == second)
    return 2 * (first & second).total() / (first.total() + second.total())


def cosine(first: list[float], second: list[float]) -> float:
    """The cosine of two vectors; 0 if one has no length, and NaN if one holds what is no number."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.minimum(1.0, np.dot(first, second) / length)) if length else 0.0


def _words(text: str) -> list[str]:
    return [match[0] for match in _WORD.finditer(text.casefold())]


@functools.lru_cache(maxsize=32)
def _embeddings(name: str, folder: Path) -> Embeddings:
    return embeddings_model(name, folder=folder)
