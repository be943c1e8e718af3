"""`eval-pipeline prune`: what is old goes, and nothing that something refers to."""

import datetime as dt
import json
import os
from pathlib import Path

import dagster as dg
import pytest

from eval_pipeline.analysis.baseline import set_baseline
from eval_pipeline.store.layout import experiment_key
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline_tests.cli.terminal import Terminal

RETENTION = "retention: {experiments: 90d, contexts: unreferenced}\n"


@pytest.fixture
def kept(store: Path, suite: Path) -> Store:
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + RETENTION)
    return open_store(str(store))


def _only(store: Store) -> str:
    (name,) = {key.split("/")[2] for key in store.list("experiments/shop/")}
    return name


def _copy(store: Store, name: str, new: str, *, days: int) -> None:
    """An experiment as another one, that was begun some days ago, on data of its own."""
    created = (dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=days)).isoformat(timespec="seconds")
    for key in list(store.list(f"experiments/shop/{name}/")):
        data = store.get(key)
        assert data is not None
        if key == experiment_key("shop", name):
            record = json.loads(data) | {"experiment": new, "created_at": created, "dataset_version": f"d-{new}"}
            data = json.dumps(record).encode()
        store.put(key.replace(name, new), data)
    store.put(f"datasets/shop/d-{new}/cases.parquet", b"")


@pytest.mark.usefixtures("run_before")
def test_old_experiments_go_with_what_they_alone_refer_to_and_a_dry_run_says_which(
    terminal: Terminal, suite: Path, kept: Store
) -> None:
    latest = _only(kept)
    for name, days in (("shop-old", 100), ("shop-baseline", 200), ("shop-young", 10)):
        _copy(kept, latest, name, days=days)
    set_baseline(kept, "shop", "shop-baseline")
    everything = list(kept.list(""))

    planned = terminal("prune", suite, "--dry-run", "--json").document

    assert planned["experiments"] == ["shop-old"]
    assert planned["kept"] == ["shop-baseline"]
    assert planned["datasets"] == ["d-shop-old"]
    assert planned["contexts"] == planned["runs"] == []
    assert list(kept.list("")) == everything

    assert terminal("prune", suite).code == 0

    left = {key.split("/")[2] for key in kept.list("experiments/shop/")}
    assert left == {latest, "shop-baseline", "shop-young"}
    assert set(everything) - set(kept.list("")) == {
        key for key in everything if "/shop-old/" in key or "/d-shop-old/" in key
    }
    assert "nothing to delete" in terminal("prune", suite).stdout


@pytest.mark.usefixtures("run_before")
def test_runs_that_made_what_is_the_latest_of_a_partition_are_kept(
    terminal: Terminal, suite: Path, store: Path, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    del kept
    monkeypatch.setattr("eval_pipeline.suite.spec.retention._DAYS", {"d": 0, "w": 0})
    assert terminal("run", suite, "--case", "tea").code == 0
    assert terminal("run", suite, "--case", "tea").code == 0

    planned = terminal("prune", suite, "--dry-run", "--json").document

    with dg.DagsterInstance.from_config(str(store.parent / "home")) as instance:
        newest, middle, first = (run.run_id for run in instance.get_runs())
    # The first made `gold` and `milk`, and the last all that is unpartitioned.
    assert planned["runs"] == [middle]
    assert newest != first


@pytest.mark.usefixtures("run_before")
def test_a_run_in_progress_and_a_suite_without_retention_delete_nothing(
    terminal: Terminal, suite: Path, store: Path
) -> None:
    assert "nothing is to be deleted" in terminal("prune", suite).stderr
    (suite / "suite.yaml").write_text((suite / "suite.yaml").read_text() + RETENTION)
    with dg.DagsterInstance.from_config(str(store.parent / "home")) as instance:
        run = dg.DagsterRun(job_name="evaluate_shop", status=dg.DagsterRunStatus.STARTED, tags={"eval/suite": "shop"})
        instance.add_run(run)
    refused = terminal("prune", suite)
    assert (refused.code, "is in progress" in refused.stderr) == (3, True)


@pytest.mark.usefixtures("run_before")
def test_spooled_traces_older_than_experiments_are_kept_go(
    terminal: Terminal, suite: Path, kept: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del kept
    monkeypatch.setenv("EVAL_PIPELINE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "langsmith")
    monkeypatch.setenv("LANGSMITH_API_KEY", "k")
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    folder = tmp_path / "spool" / "langsmith"
    folder.mkdir(parents=True)
    for name, days in (("old", 100), ("new", 1)):
        file = folder / f"{name}.jsonl"
        file.write_text("")
        age = dt.datetime.now(tz=dt.UTC).timestamp() - days * 86_400
        os.utime(file, (age, age))

    assert terminal("prune", suite).code == 0

    assert [file.name for file in folder.iterdir()] == ["new.jsonl"]
