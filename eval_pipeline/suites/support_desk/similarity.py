"""Words of a text, and the similarity of texts, on which all decisions of the offline model are based."""

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[a-z]{2,}|\d+(?:[.:]\d+)*")
_SUFFIX = re.compile(r"(?:ing|edly|ed|ies|es|s|ly)$")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "about after all am an and any are as at be been but by can could did do does for from get got had "
        "has have he her hi his how if in into is it its just know like me my no not of on or our please she "
        "should since so some tell than thank thanks that the their them then there they this to too up us "
        "was we were what which who why will with would you your "
    )
)
_SHORTEST_STEM = 3

Vector = Mapping[str, float]


def words(text: str) -> list[str]:
    """The words and numbers of `text`, stemmed, without stop words."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]


@functools.lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    stem = _SUFFIX.sub("", word)
    return stem if len(stem) >= _SHORTEST_STEM else word


class Neighbours:
    """Texts that can be searched for the nearest to another text."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [Counter(words(text)) for text in texts]
        spread = Counter(word for counts in counted for word in counts)
        self._rarity = {word: math.log(1 + len(texts) / count) for word, count in spread.items()}
        self._unseen = math.log(1 + len(texts))
        self._vectors = [self._vector(counts) for counts in counted]

    def similarities(self, text: str) -> list[float]:
        """The cosine similarity of `text` to each of the texts."""
        query = self._vector(Counter(words(text)))
        return [sum(weight * vector.get(word, 0.0) for word, weight in query.items()) for vector in self._vectors]

    def _vector(self, counts: Mapping[str, int]) -> Vector:
        weights = {word: (1 + math.log(count)) * self._rarity.get(word, self._unseen) for word, count in counts.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {word: weight / length for word, weight in weights.items()}
