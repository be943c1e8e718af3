"""Assets of the deployment as sources: read by a file or an IO manager, drawn as lineage, and outdated case by case."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.assets.partition_health import PARTITIONS_UP_TO_DATE
from eval_pipeline.defs.upstream_reader import DeploymentAssets
from eval_pipeline.errors import InputError, MissingUpstreamError
from eval_pipeline.suite.dataset.load import asset_versions, load_dataset
from eval_pipeline.suite.upstream_assets import assets_read_by
from eval_pipeline_tests.building import a_suite
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject

PRICES, NOTES = dg.AssetKey(["warehouse", "prices"]), dg.AssetKey(["warehouse", "notes"])
SUITE = """\
name: shop
cases: cases.yaml
context:
  tables:
    prices: {asset: [warehouse, prices], key: product}
  documents:
    source: {asset: warehouse/notes}
    retrieval: {k: 1}
target: {kind: python, path: "agent.py:answer"}
assertions: [{type: not_contains, value: sold out}]
evaluation: {reuse: unchanged}
"""
AGENT = """\
from pathlib import Path
from eval_pipeline import get_shared_context


def answer(message):
    with (Path(__file__).parent / "calls").open("a") as calls:
        calls.write(message + "\\n")
    context = get_shared_context()
    if message.startswith("about"):
        return context.similar_documents()[0].text
    return str(context.lookup("prices", message))
"""
ASKED = [f"p{number % 24:02d}" for number in range(48)] + ["about subject1", "about subject2"]
"""Of fifty cases; the price `p07` is asked for by two."""


def _publish(project: DagsterProject, key: dg.AssetKey, text: str, *, version: str, suffix: str) -> None:
    file = project.folder.parent / f"{key.path[-1]}{suffix}"
    file.write_text(text)
    event = dg.AssetMaterialization(key, metadata={"path": str(file)}, tags={"dagster/data_version": version})
    project.instance.report_runless_asset_event(event)


def _publish_prices(project: DagsterProject, *, version: str, **changed: int) -> None:
    rows = {f"p{number:02d}": 1 for number in range(24)} | changed
    text = "product,price\n" + "".join(f"{product},{price}\n" for product, price in rows.items())
    _publish(project, PRICES, text, version=version, suffix=".csv")


def _publish_notes(project: DagsterProject, *, version: str, first: str = "the note") -> None:
    texts = [f"{first} on subject1", "the note on subject2"]
    lines = [f'{{"id": "n{number}", "text": "{text}"}}\n' for number, text in enumerate(texts)]
    _publish(project, NOTES, "".join(lines), version=version, suffix=".jsonl")


def _calls(project: DagsterProject) -> list[str]:
    file = project.folder / "calls"
    calls = file.read_text().splitlines() if file.exists() else []
    file.write_text("")
    return sorted(calls)


def _outdated(project: DagsterProject) -> Any:
    key = dg.AssetCheckKey(project.key("case_results"), PARTITIONS_UP_TO_DATE)
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(key))
    defs = dg.Definitions.merge(project.definitions, dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("check").execute_in_process(instance=project.instance)
    (check,) = result.get_asset_check_evaluations()
    return check.metadata["stale"].value


def test_a_row_and_a_document_of_upstream_assets_make_again_exactly_the_three_of_fifty_cases_that_read_them(
    project: DagsterProject,
) -> None:
    (project.folder / "suite.yaml").write_text(SUITE)
    (project.folder / "agent.py").write_text(AGENT)
    cases = "".join(f"- {{id: c{number:02d}, input: {text}}}\n" for number, text in enumerate(ASKED))
    (project.folder / "cases.yaml").write_text(cases)
    ids = [f"c{number:02d}" for number in range(len(ASKED))]
    project.register(ids)
    _publish_prices(project, version="1")
    _publish_notes(project, version="1")
    assert project.run(ids[0], ids[-1]).success
    assert len(_calls(project)) == len(ASKED)

    _publish_prices(project, version="2", p07=2)
    _publish_notes(project, version="2", first="another note")
    assert project.run(assets=["test_cases", "shared_context"]).success
    assert _outdated(project) == 3
    assert project.run(ids[0], ids[-1]).success

    assert _calls(project) == ["about subject1", "p07", "p07"]
    assert _outdated(project) == 0
    specs = {spec.key.path[-1]: spec for spec in project.definitions.resolve_all_asset_specs()}
    assert {dep.asset_key for dep in specs["shared_context"].deps} == {PRICES, NOTES, project.key("test_cases")}


def test_an_asset_without_a_file_is_what_its_io_manager_loads(tmp_path: Path) -> None:
    @dg.asset(key=PRICES)
    def prices() -> list[dict[str, Any]]:
        return [{"product": "tea", "price": 4}]

    defs = dg.Definitions(assets=[prices], resources={"io_manager": dg.FilesystemIOManager(base_dir=str(tmp_path))})
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(MissingUpstreamError, match="warehouse/prices has not been materialized yet"):
            DeploymentAssets(instance).version(("warehouse", "prices"))
        defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
        reader = DeploymentAssets(instance, defs.get_repository_def())
        assert reader.read(("warehouse", "prices")) == [{"product": "tea", "price": 4}]
        assert reader.version(("warehouse", "prices"))
        with pytest.raises(InputError, match="names no file"):
            DeploymentAssets(instance).read(("warehouse", "prices"))


def test_cases_of_an_asset_have_its_version_among_those_of_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval_pipeline.suite.upstream_assets._default", [])

    class Reader:
        def version(self, key: tuple[str, ...]) -> str:
            return "/".join(key)

        def read(self, key: tuple[str, ...]) -> list[dict[str, str]]:
            del key
            return [{"question": "hello", "name": "c1"}]

    columns = {"input": "question", "id": "name"}
    suite = a_suite(tmp_path, cases={"asset": "warehouse/questions", "columns": columns})
    with assets_read_by(Reader()):
        assert [case.id for case in load_dataset(suite).cases] == ["c1"]
        assert asset_versions(suite) == ["warehouse/questions"]
    with pytest.raises(InputError, match="is an asset of a Dagster deployment"):
        load_dataset(suite)
