"""The benchmark of the engine: that its sides run, and what its figures look like."""

import json

import pytest

from bench.engine import SIDES
from bench.measuring import Side, SideError, in_turns
from bench.report import Comparison, Goal, show

GIVEN = {"cases": 5, "delay_s": 0.0, "concurrency": 2}
OURS = next(side for side in SIDES if side.name == "ours")


@pytest.mark.starts  # each side is a process; the parameter hides that from starts.py
@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_every_side_evaluates_all_cases(side: Side) -> None:
    if not side.installed:
        pytest.skip("peers are not installed: make bench-install")

    measured = side.run(**GIVEN)

    assert measured["passed"] == 5
    assert measured["wall_s"] > 0
    assert measured["cpu_s"] > 0
    assert measured["peak_rss_mb"] > 1


def test_a_comparison_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [{"wall_s": wall, "cpu_s": 1.0, "peak_rss_mb": 100.0, "passed": 5} for wall in (1.0, 9.0, 2.0)]
    theirs = [{"wall_s": wall, "cpu_s": 2.0, "peak_rss_mb": 50.0, "passed": 5} for wall in (2.0, 3.0, 8.0)]

    show(Comparison.of("engine", 5, {"ours": ours, "theirs": theirs}, ratio_of="wall_s"), as_json=True)

    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(document) == {"name", "n", "ours", "peers", "ratios", "notes"}
    assert document["ours"] == {"wall_s": 2.0, "cpu_s": 1.0, "peak_rss_mb": 100.0, "passed": 5}
    assert document["peers"]["theirs"]["wall_s"] == 3.0
    assert document["ratios"] == {"theirs": 0.5}  # of the rounds 0.5, 3 and 0.25 the median, not the ratio of medians


def test_sides_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(side: Side) -> dict[str, str]:
        ran.append(side.name)
        return {}

    monkeypatch.setattr(Side, "run", run)

    in_turns([Side(name="a", module="m"), Side(name="b", module="m")], rounds=2)

    assert ran == ["a", "b", "b", "a"]


@pytest.mark.usefixtures("warm_sides")
def test_a_side_that_fails_reports_why() -> None:
    with pytest.raises(SideError, match="KeyError: 'cases'"):
        OURS.run()


def test_a_goal_reports_whether_it_is_met() -> None:
    assert str(Goal(figure="times the ideal", value=1.1, limit=1.15)) == "met: times the ideal: 1.1 (at most 1.15)"
    assert str(Goal(figure="times the ideal", value=1.2, limit=1.15)).startswith("NOT met")
