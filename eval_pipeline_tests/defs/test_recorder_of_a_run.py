"""A run of Dagster that traces to the recorder has its home's, whoever launches it."""

import gc
import time
from pathlib import Path

import dagster as dg
import httpx
import pytest

from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.langsmith.local_recorder import home_instance
from eval_pipeline_tests.simultaneous_runs import claim_usual_ports, recorder_processes


@dg.asset
def asked(eval_langsmith: LangSmithResource) -> dg.MaterializeResult[None]:
    """Asks the recorder whose it is."""
    url = eval_langsmith.settings().recorder_url
    instance = httpx.get(f"{url}/info").json()["recorder"]["instance_id"]
    return dg.MaterializeResult(metadata={"url": url, "instance": instance})


def test_it_is_started_for_the_run_and_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    for name in ("LANGSMITH_TRACING", "EVAL_PIPELINE_RECORDER_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "recorder")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    claim_usual_ports(tmp_path / "cache")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize([asked], resources={"eval_langsmith": LangSmithResource()}, instance=instance)
        (event,) = result.get_asset_materialization_events()

    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["instance"].value == home_instance(home)
    deadline = time.monotonic() + 60
    while recorder_processes(home):
        gc.collect()
        assert time.monotonic() < deadline
        time.sleep(0.2)
