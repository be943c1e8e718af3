"""The benchmark of the whole job: that our side runs it from a suite on disk to durable results."""

from bench.pipeline import OURS


def test_the_whole_job_runs_untraced() -> None:
    measured = OURS.run(cases=3, delay_s=0.0, concurrency=2, url=None)

    assert measured["passed"] == 3
    assert measured["cpu_s"] > 0
