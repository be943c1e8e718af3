"""Successive halving: variants are compared with the best one at 16, 32, 64, … cases, and drop out if they cannot win.

The order of cases is that of a hash of their ids, so that the first so many are a sample of all, and the same for
every variant and every run.

A variant is dropped at a look if it is worse than the best of that look, by the one-sided paired test of
`statistics/paired.py` on the cases seen so far, at the level 0.05 / (looks x rivals), where rivals are all the other
variants there were at the beginning. So the best variant is dropped with a chance of at most 0.05 in the whole: it
would have to seem worse than one of its rivals at one of the looks, and the sum of these chances is no more
(Bonferroni's inequality). That holds whichever variant is the best of a look. Holm's method, which is sharper, would
not hold here, since the one they are tested against is chosen by looking. Jamieson and Talwalkar 2016 halve without a
test, which is cheaper and promises nothing. `python -m bench.variants` measures both errors, and what is saved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from eval_pipeline.analysis.statistics.paired import sign_flip_p_values
from eval_pipeline.analysis.statistics.power import LEVEL
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.spec.variant import CURRENT

FIRST_LOOK = 16
"""Cases; fewer could hardly show a difference at these levels."""

Values = Mapping[str, float]
"""By case: the mean of the metric over its attempts."""


@dataclass(frozen=True, kw_only=True)
class Drop:
    """A variant that ends here."""

    variant: str
    leader: str
    """The best variant of this look."""
    score: float
    leaders_score: float
    p_value: float
    """One-sided: the chance of being so much worse, were it as good."""


def in_hash_order(case_ids: Iterable[str]) -> list[str]:
    """The cases in the order in which they are evaluated."""
    return sorted(case_ids, key=lambda case_id: (digest("order of cases", case_id), case_id))


def looks_at(cases: int) -> list[int]:
    """After how many cases variants are looked at before the end."""
    sizes, size = [], FIRST_LOOK
    while size < cases:
        sizes.append(size)
        size *= 2
    return sizes


def drops(values: Mapping[str, Values], *, looks: int, variants: int) -> list[Drop]:
    """The variants to drop after a look.

    Args:
        values: of each variant that is still evaluated, on the cases seen so far; `current` is never dropped.
        looks: how many there are in the whole.
        variants: how many there were at the beginning, with `current`.
    """
    scored = {name: by_case for name, by_case in values.items() if by_case}
    if not scored:
        return []
    scores = {name: fmean(by_case.values()) for name, by_case in scored.items()}
    leader = max(scores, key=lambda name: (scores[name], name == CURRENT, name))
    level = LEVEL / (looks * max(1, variants - 1))
    dropped = []
    for name, by_case in scored.items():
        shared = sorted(by_case.keys() & scored[leader].keys())
        if name in {leader, CURRENT} or not shared:
            continue
        p_drop, _ = sign_flip_p_values(np.array([by_case[case] - scored[leader][case] for case in shared]))
        if p_drop < level:
            dropped.append(
                Drop(
                    variant=name,
                    leader=leader,
                    score=scores[name],
                    leaders_score=scores[leader],
                    p_value=p_drop,
                )
            )
    return dropped
