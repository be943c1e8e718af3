"""Measures of rankings by matrices of numpy, written from trec_eval's definitions and sharing no code with ours."""

import random
from collections.abc import Mapping, Sequence

import numpy as np


def random_ranking(seed: int) -> tuple[list[str], dict[str, float], int]:
    """A ranking, grades, and a cut."""
    chance = random.Random(seed)
    documents = [f"d{number}" for number in range(chance.randint(1, 30))]
    chance.shuffle(documents)
    graded = chance.sample(documents, chance.randint(1, len(documents)))
    grades = {name: float(chance.randint(1, 3)) for name in graded}
    grades |= {f"never{number}": 1.0 for number in range(chance.randint(0, 3))}
    return documents[: chance.randint(0, len(documents))], grades, chance.randint(1, 20)


def independently(ranking: Sequence[str], grades: Mapping[str, float], k: int) -> dict[str, float]:
    """Every measure at `k`."""
    gains = np.zeros(k)
    for place, name in enumerate(ranking[:k]):
        gains[place] = grades.get(name, 0)
    discounts = np.log2(np.arange(2, k + 2))
    ideal = np.zeros(k)
    best = -np.sort(-np.array(list(grades.values())))[:k]
    ideal[: len(best)] = best
    hits = gains > 0
    return {
        "precision": float(hits.mean()),
        "recall": float(hits.sum() / len(grades)),
        "hit_rate": float(hits.any()),
        "mrr": float(1 / (hits.argmax() + 1)) if hits.any() else 0.0,
        "ndcg": float((gains / discounts).sum() / (ideal / discounts).sum()),
    }
