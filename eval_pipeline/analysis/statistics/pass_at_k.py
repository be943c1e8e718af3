"""Probabilities from several attempts at one case: pass@k, pass^k, and that two attempts disagree."""

import math


def pass_at_k(attempts: int, passed: int, k: int) -> float:
    """The probability that at least one of `k` attempts passes: `1 - C(n-c, k) / C(n, k)` (Chen et al. 2021, 2.1)."""
    return 1.0 - math.comb(attempts - passed, k) / math.comb(attempts, k)


def pass_hat_k(attempts: int, passed: int, k: int) -> float:
    """The probability that all of `k` attempts pass: `C(c, k) / C(n, k)` (τ-bench, Yao et al. 2024, section 3)."""
    return math.comb(passed, k) / math.comb(attempts, k)


def flakiness(attempts: int, passed: int) -> float:
    """The probability that two attempts disagree: `2 c (n-c) / (n (n-1))` (Simpson 1949, unbiased), of two or more.

    0 if all agree. At most 1 (two attempts, one passed), and 1/2 for many attempts at a case that is a coin toss.
    """
    return 2 * passed * (attempts - passed) / (attempts * (attempts - 1))
