"""Variants compared from Python: one experiment each, nothing evaluated twice, and no trace of it in the trend."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import eval_pipeline
from eval_pipeline.analysis.trend import read_points
from eval_pipeline.errors import InputError, PermanentError
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.experiment_record import experiments_newest_first, latest_experiment, read_experiment
from eval_pipeline.results.result_log import read_all_rows, read_results
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.layout import report_key, variants_page_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline.variants.evaluation_result import compare_variants, evaluation_results
from eval_pipeline.variants.variant_comparison import VariantComparison, latest_comparison
from eval_pipeline.variants.variant_plan import latest_plan
from eval_pipeline_tests.defs.assets.seen import experiments_at, rows_at, runs_at
from eval_pipeline_tests.variants.skilled_suite import calls_of, write_skilled_suite


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def _untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")


def outcomes(comparison: VariantComparison) -> dict[str, str]:
    return {each.name: each.outcome for each in comparison.standings}


def statuses(store: LocalStore, experiment: str) -> list[str]:
    return [row["status"] for row in read_results(store, "skills", experiment, columns=["status"]).to_pylist()]


def test_each_variant_is_an_experiment_on_the_same_cases_and_the_better_one_wins(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", good=9, same=5, bad=1)

    comparison = eval_pipeline.compare_variants(folder, store=store)

    assert outcomes(comparison) == {
        "current": "current",
        "good": "better",
        "same": "no significant difference",
        "bad": "worse",
    }
    assert (comparison.winner, comparison.effort.attempts) == ("good", 160)
    assert comparison.score_delta == pytest.approx(0.4)
    assert calls_of(folder) == {"5": 40, "good": 40, "same": 40, "bad": 40}
    records = {each.variant: each for each in experiments_newest_first(store, "skills")}
    assert {each.experiment for each in records.values()} == {
        f"{comparison.name}-{name}" for name in outcomes(comparison)
    }
    assert len({(each.dataset_version, each.context_id) for each in records.values()}) == 1
    assert len({each.target_version for each in records.values()}) == 4
    assert [(each.name, each.gates_passed) for each in comparison.standings] == [
        ("current", True),
        ("good", True),
        ("same", True),
        ("bad", False),
    ]
    assert latest_comparison(store, "skills") == comparison
    page = store.get(variants_page_key("skills", comparison.name)) or b""
    assert comparison.verdict.encode()[:40] in page
    assert page.count(b"<section>") == 3
    assert b"Compared with" in (store.get(report_key("skills", f"{comparison.name}-good")) or b"")


def test_every_variant_has_a_result_in_the_terms_of_the_seed(store: LocalStore, tmp_path: Path) -> None:
    folder = write_skilled_suite(tmp_path / "skills", good=9)
    results = evaluation_results(store, compare_variants(folder, store=store))
    good = results["good"]
    assert (good.dataset_name, good.example_count, good.completed_count) == ("skills", 40, 40)
    assert good.scores == {"equals": 0.9, "pass_rate": 0.9, "score": 0.9}
    assert (good.passed, good.run_url, good.best_override) == (True, None, None)


def test_variants_leave_the_latest_experiment_the_trend_and_what_is_reused_alone(
    store: LocalStore, tmp_path: Path
) -> None:
    compare_variants(write_skilled_suite(tmp_path / "skills", good=9), store=store)
    assert latest_experiment(store, "skills") is None
    assert read_points(store, "skills", last=9) == []
    assert len(experiments_newest_first(store, "skills")) == 2


def test_repetitions_are_of_a_case_and_cases_and_variants_may_be_chosen(store: LocalStore, tmp_path: Path) -> None:
    folder = write_skilled_suite(tmp_path / "skills", good=9, bad=1)
    cases = [f"c{number:03}" for number in range(12)]
    comparison = compare_variants(folder, ["good"], store=store, cases=cases, repetitions=2, metric="equals")
    assert outcomes(comparison).keys() == {"current", "good"}
    assert [each.cases for each in comparison.standings] == [12, 12]
    assert comparison.effort.attempts == 48
    assert calls_of(folder) == {"5": 24, "good": 24}


@pytest.mark.slow
def test_halving_drops_the_hopeless_carries_results_on_and_says_what_it_saved(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=80, good=10, bad=0, worse=1)
    comparison = compare_variants(folder, store=store, halving=True)
    assert outcomes(comparison) == {"current": "current", "good": "better", "bad": "dropped", "worse": "dropped"}
    called = calls_of(folder)
    # Nothing twice: what was seen at a look counts at the next.
    assert (called["5"], called["good"]) == (80, 80)
    assert called["bad"] == called["worse"] == 16
    assert (comparison.effort.attempts, comparison.effort.attempts_of_all, comparison.effort.looks) == (192, 320, 3)
    assert comparison.effort.saved == pytest.approx(0.4)
    full = compare_variants(folder, store=store)
    assert full.winner == comparison.winner
    assert full.standing("good").delta == comparison.standing("good").delta


def test_where_only_current_is_left_the_rest_of_its_cases_is_spared(store: LocalStore, tmp_path: Path) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=80, current=10, bad=0, worse=1)
    comparison = compare_variants(folder, store=store, halving=True)
    assert calls_of(folder) == {"10": 16, "bad": 16, "worse": 16}
    assert comparison.winner is None
    assert comparison.verdict == "No variant is better than current; bad and worse were dropped on the way."


def test_a_comparison_that_broke_goes_on_with_what_is_left_and_one_that_is_done_stays_as_it_is(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", good=9)
    write_budget(folder, max_tokens=1)
    # No tokens are used by this target, so that the budget is spent by hand.
    (folder / "agent.py").write_text(
        (folder / "agent.py")
        .read_text()
        .replace("        await asyncio", "        _spend(message)\n        await asyncio")
        + "\n\ndef _spend(message):\n"
        "    from eval_pipeline.models.budget import current_budget\n"
        "    budget = current_budget()\n"
        "    if budget is not None and budget.max_tokens and message == '12':\n"
        "        budget.tokens += 5\n"
    )
    with pytest.raises(PermanentError, match="the budget was used up before"):
        compare_variants(folder, store=store, name="launch")
    assert latest_comparison(store, "skills") is None
    before = calls_of(folder)
    assert 0 < before.total() < 80

    write_budget(folder, max_tokens=None)
    comparison = compare_variants(folder, store=store, name="launch")

    assert comparison.winner == "good"
    assert calls_of(folder) == {"5": 40, "good": 40}
    assert read_all_rows(store, "skills", f"{comparison.name}-good", columns=["status"]).num_rows >= 40
    assert compare_variants(folder, store=store, name="launch") == comparison
    assert calls_of(folder) == {"5": 40, "good": 40}


def write_budget(folder: Path, *, max_tokens: int | None) -> None:
    file = folder / "suite.yaml"
    data: dict[str, Any] = yaml.safe_load(file.read_text())
    data["evaluation"] = {"max_concurrency": 8, "max_tokens": max_tokens}
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def test_a_variant_whose_attempts_all_break_is_worse_and_its_errors_are_counted(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", seven=7)
    (folder / "broken").touch()
    comparison = compare_variants(folder, store=store)
    assert outcomes(comparison)["seven"] == "worse"
    assert comparison.standing("seven").errors == 40
    assert statuses(store, f"{comparison.name}-seven") == ["error"] * 40


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variants": ["goood"]}, "there is no variant 'goood' in skills. Fix: use one of: good"),
        ({"metric": "tone"}, "no assertion has the metric 'tone'. Fix: use one of equals, pass_rate, score"),
    ],
)
def test_what_is_asked_for_and_missing_is_reported(
    store: LocalStore, tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=4, good=9)
    with pytest.raises(InputError) as caught:
        compare_variants(folder, store=store, **given)
    assert message in str(caught.value)


def test_a_suite_without_variants_says_how_to_write_some(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"skills has no variants to compare.*variants: \[\{name: terse"):
        compare_variants(write_skilled_suite(tmp_path / "skills"), store=store)
    assert latest_plan(store, "skills") is None


@pytest.fixture
def server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


def test_in_langsmith_each_variant_is_an_experiment_of_one_dataset_whose_rows_say_the_variant(
    store: LocalStore, tmp_path: Path, server: RecorderServer
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=20, good=9, bad=0)
    settings = LangSmithSettings(mode="recorder", tracing_enabled=True, recorder_url=server.url)

    comparison = compare_variants(folder, store=store, halving=True, settings=settings)

    names = [f"{comparison.name}-{name}" for name in ("bad", "current", "good")]
    assert experiments_at(server.url) == names
    sessions = {name: httpx.get(f"{server.url}/sessions", params={"name": name}).json()[0] for name in names}
    assert len({session["reference_dataset_id"] for session in sessions.values()}) == 1
    for name, session in sessions.items():
        variant = name.removeprefix(f"{comparison.name}-")
        assert session["extra"]["metadata"]["variant"] == variant
        assert session["end_time"] is not None
        body: dict[str, Any] = {"session": [session["id"]], "is_root": True, "limit": 100}
        rows = httpx.post(f"{server.url}/runs/query", json=body).json()["runs"]
        assert {row["extra"]["metadata"]["variant"] for row in rows} == {variant}
    assert len(rows_at(server.url)) == 20 + 20 + 16
    results = evaluation_results(store, comparison)
    assert str(sessions[names[2]]["id"]) in str(results["good"].run_url)
    assert read_experiment(store, "skills", names[2]).variant == "good"


def test_in_one_trace_an_experiment_halving_goes_on_in_the_trace_it_began(
    store: LocalStore, tmp_path: Path, server: RecorderServer
) -> None:
    folder = write_skilled_suite(tmp_path / "skills", cases=20, good=9, bad=0)
    settings = LangSmithSettings(mode="recorder", tracing_enabled=True, recorder_url=server.url, trace_mode="unified")

    comparison = compare_variants(folder, store=store, halving=True, settings=settings)

    records = {each.variant: each for each in experiments_newest_first(store, "skills")}
    assert len({str(each.trace_headers) for each in records.values()}) == 3
    roots = [run for run in runs_at(server.url) if not run["parent_run_id"]]
    assert sorted(run["project"] for run in roots if not run["project"].endswith("-shared")) == [
        f"{comparison.name}-{name}" for name in ("bad", "current", "good")
    ]
