"""The benchmark of one case of very many: that it is evaluated, and that all partitions are there."""

from bench.partitions import RUNS, measure


def test_both_runs_evaluate_their_case_and_all_partitions_are_listed() -> None:
    measured = measure(300)

    assert tuple(measured) == RUNS
    assert all(figures["wall_s"] > 0 and figures["peak_rss_mb"] > 0 for figures in measured.values())
