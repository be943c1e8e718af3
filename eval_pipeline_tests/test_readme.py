"""What README.md and the guides show a newcomer works as shown, and what they link to exists."""

import re
import runpy
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from eval_pipeline.prompts.suite_prompts import named_prompts
from eval_pipeline.suite.spec.case_source import CaseSources
from eval_pipeline.suite.suite import Suite, SuiteSpec
from eval_pipeline_tests.cli.terminal import terminal as made_terminal

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
RUNNING = (ROOT / "docs" / "running.md").read_text()
SUITES = (ROOT / "docs" / "suites.md").read_text()
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


def test_the_suite_of_five_minutes_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "my_suite").mkdir()
    for name, text in re.findall(r"```(?:yaml|python)\n# my_suite/(\S+)\n(.*?)```", README + RUNNING, re.DOTALL):
        (tmp_path / "my_suite" / name).write_text(text)
    (table,) = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_suite" / "prices.csv").write_text(table)
    run = made_terminal(monkeypatch, capfd)

    assert "my_suite: 2 cases" in run("check", "my_suite").stdout
    finished = run("run", "my_suite", "--json")

    assert finished.code == 0
    assert finished.document["status_counts"] == {"passed": 2}
    assert run("run", "my_suite", "--case", "price-of-tea", "--repetitions", "3", "--json").document["attempts"] == 3

    capfd.readouterr()
    runpy.run_path("my_suite/evaluate.py")
    printed = capfd.readouterr().out.splitlines()
    assert printed[:2] == ["passed", "tea costs 4.20"]
    assert printed[-2:] == ["completed", "['price-of-tea']"]


def test_the_sources_of_cases_that_it_shows_are_sources() -> None:
    shown = re.findall(r"```yaml\n(cases:\n.*?)```", SUITES, re.DOTALL)

    found = [TypeAdapter(CaseSources).validate_python(yaml.safe_load(text)["cases"]) for text in shown]

    assert found


def test_the_prompts_that_it_shows_are_prompts_of_a_suite() -> None:
    (shown,) = re.findall(r"## Prompts.*?```yaml\n(.*?)```", SUITES, re.DOTALL)
    spec = SuiteSpec.model_validate({"name": "shown", "cases": "cases.yaml", **yaml.safe_load(shown)})
    found = [str(named.reference) for named in named_prompts(Suite(spec=spec, folder=Path()))]
    assert found == ["hub:support:production", "hub:how-we-judge:latest"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    without_code = re.sub(r"`[^`]*`", "", document.read_text())
    links = re.findall(r"\]\((?!http|#)([^)#]+)", without_code)

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_can_be_read_in_three_minutes() -> None:
    assert len(README.split()) <= 700


def test_every_make_target_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"itself"} <= targets
    assert len(targets) <= 16
