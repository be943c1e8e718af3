"""Measures of a ranking: precision, recall, hit rate, reciprocal rank and nDCG, as trec_eval defines them."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Measure = Literal["precision", "recall", "hit_rate", "mrr", "ndcg"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


def measured(measure: Measure, ranking: Sequence[str], grades: Mapping[str, float], k: int | None = None) -> float:
    """A measure of the first `k` of a ranking, by default of all of it, in [0, 1].

    Args:
        measure: `precision` divides by `k`, be it that fewer were retrieved; `mrr` is one over the rank of the first
            relevant document; `ndcg` has the grades as gains and the logarithm to base 2 as discount.
        ranking: distinct documents, the best first.
        grades: by relevant document, how relevant it is: above zero. One or more.
        k: one or more.
    """
    first = ranking[:k]
    ranks = [rank for rank, document in enumerate(first, start=1) if grades.get(document, 0) > 0]
    relevant = sum(grade > 0 for grade in grades.values())
    if measure == "precision":
        return len(ranks) / (k or len(first) or 1)
    if measure == "recall":
        return len(ranks) / relevant
    if measure == "hit_rate":
        return float(bool(ranks))
    if measure == "mrr":
        return 1 / ranks[0] if ranks else 0.0
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    return _gained([max(0.0, grades.get(document, 0.0)) for document in first]) / _gained(ideal)


def _gained(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
