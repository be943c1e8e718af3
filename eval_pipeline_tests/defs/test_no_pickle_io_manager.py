"""No output is pickled and no input unpickled: an asset beside ours that would have it so fails, and says why."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.build import build_location
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.small_suite import write_small_suite


@dg.asset
def careless() -> dict[str, int]:
    return {"a": 1}


@dg.asset
def reader(careless: dict[str, int]) -> None:
    del careless


@dg.asset
def careful() -> None:
    return None


@pytest.fixture
def defs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.chdir(tmp_path)
    own = dg.Definitions(assets=[careless, reader, careful])
    return dg.Definitions.merge(build_location(folders=[write_small_suite(tmp_path / "shop")]), own)


def _failed(defs: dg.Definitions, folder: Path, *keys: str) -> Any:
    (folder / "home").mkdir()
    with dagster_instance(folder / "home") as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        selected = [dg.AssetKey(key) for key in keys]
        result = job.execute_in_process(instance=instance, asset_selection=selected, raise_on_error=False)
        failures = [event.step_failure_data for event in result.get_step_failure_events()]
    pickled = [file for file in (folder / "home").rglob("*") if file.is_file() and file.name in {"careless", "careful"}]
    assert pickled == []
    return failures


def test_an_output_that_would_be_pickled_fails(defs: dg.Definitions, tmp_path: Path) -> None:
    (failure,) = _failed(defs, tmp_path, "careless")
    assert "careless returned a dict, which Dagster would pickle" in failure.user_failure_data.description
    assert "dg.MaterializeResult" in failure.user_failure_data.description


def test_an_input_that_would_be_unpickled_fails(defs: dg.Definitions, tmp_path: Path) -> None:
    (failure,) = _failed(defs, tmp_path, "reader")
    assert "an input of careless would be unpickled" in failure.user_failure_data.description


def test_an_asset_that_returns_nothing_is_well(defs: dg.Definitions, tmp_path: Path) -> None:
    assert _failed(defs, tmp_path, "careful") == []
