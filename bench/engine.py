"""The overhead of the engine without tracing, compared with LangSmith's `aevaluate`, pydantic-evals and Inspect AI.

1,000 and 10,000 cases of a 50 ms async target with one `contains` assertion at concurrency 50, and of a target that
answers at once. Every measurement is a process of its own; times exclude start-up.
"""

from collections.abc import Sequence

from bench.measuring import PEERS_PYTHON, Measured, Side, SideError, in_turns, median, median_ratio
from bench.report import Comparison, Goal, options, show

CONCURRENCY = 50
DELAY_S = 0.05
SIDES = (
    Side(name="ours", module="engine_ours"),
    Side(
        name="aevaluate",
        module="engine_aevaluate",
        # Even without upload it posts every run of the target; only a sampling rate of 0 prevents that.
        environment={"LANGSMITH_TRACING_SAMPLING_RATE": "0", "LANGSMITH_TRACING": "false"},
    ),
    Side(name="pydantic-evals", module="engine_pydantic_evals", python=PEERS_PYTHON),
    Side(name="inspect-ai", module="engine_inspect_ai", python=PEERS_PYTHON),
)


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    few, many = (100, 1_000) if chosen.quick else (1_000, 10_000)
    rounds = 1 if chosen.quick else chosen.rounds
    at_once = _measure(few, 0.0, rounds)
    show(_comparison("engine, 0 ms target", few, at_once, "cpu_s"), as_json=chosen.json)
    slow = {cases: _measure(cases, DELAY_S, rounds) for cases in (few, many)}
    show(_comparison("engine, 50 ms target", few, slow[few], "wall_s"), as_json=chosen.json)
    goals = [
        *_pace_goals(slow[few], few),
        *_pace_goals(slow[many], many),
        Goal(figure="ms of CPU a case, 0 ms target", value=median(at_once["ours"], "cpu_s") / few * 1000, limit=1.0),
        Goal(
            figure=f"MB that {many} cases take more than {few}",
            value=median(slow[many]["ours"], "peak_rss_mb") - median(slow[few]["ours"], "peak_rss_mb"),
            limit=30.0,
        ),
    ]
    headline = _comparison("engine", many, slow[many], "wall_s", notes=[str(goal) for goal in goals])
    show(headline, as_json=chosen.json)


def _measure(cases: int, delay_s: float, rounds: int) -> dict[str, list[Measured]]:
    sides = [side for side in SIDES if side.installed]
    by_side = in_turns(sides, rounds=rounds, cases=cases, delay_s=delay_s, concurrency=CONCURRENCY)
    for name, measured in by_side.items():
        if any(one["passed"] != cases for one in measured):
            raise SideError(f"{name} did not pass all {cases} cases")
    return by_side


def _pace_goals(measured: dict[str, list[Measured]], cases: int) -> list[Goal]:
    ideal = cases * DELAY_S / CONCURRENCY
    goals = [
        Goal(figure=f"times the ideal, {cases} cases", value=median(measured["ours"], "wall_s") / ideal, limit=1.15)
    ]
    for peer, most in {"aevaluate": 1.0, "inspect-ai": 1.0, "pydantic-evals": 1.05}.items():
        if peer in measured:
            ratio = median_ratio(measured["ours"], measured[peer], "wall_s")
            goals.append(Goal(figure=f"times the wall of {peer}, {cases} cases", value=ratio, limit=most))
    return goals


def _comparison(
    name: str, cases: int, measured: dict[str, list[Measured]], ratio_of: str, notes: Sequence[str] = ()
) -> Comparison:
    missing = [f"{side.name} is not installed: make bench-install" for side in SIDES if not side.installed]
    return Comparison.of(name, cases, measured, ratio_of=ratio_of, notes=[*missing, *notes])


if __name__ == "__main__":
    main()
