"""The documentation site: its generated pages are those of the code, and nothing of the code is missing in it."""

import re
from pathlib import Path

import pytest
import yaml

from documentation.__main__ import FOLDER, PAGES
from documentation.fields import fields_of
from eval_pipeline.suite.json_schema import cases_schema, suite_schema
from eval_pipeline_tests.cli.terminal import terminal as made_terminal

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_reference_is_that_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_field_of_a_document_has_a_meaning() -> None:
    fields = [each for schema in (suite_schema(), cases_schema()) for each in fields_of(schema)]

    assert len(fields) > 500
    assert [
        f"{model}.{name}" for model, name, value in fields if "const" not in value and not value.get("description")
    ] == []


def test_every_document_stands_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert [page for page in sorted(pages) if page not in navigation] == []


def test_every_key_of_metadata_is_documented() -> None:
    text = (DOCS / "metadata.md").read_text()
    sources = [path.read_text() for path in (ROOT / "eval_pipeline").rglob("*.py")]
    keys = {key for source in sources for key in re.findall(r'"(eval/[a-z0-9_/]+)"', source)}

    assert len(keys) > 50
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_the_commands_of_the_tutorial_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    run = made_terminal(monkeypatch, capfd)
    codes = {}
    for kind, text in re.findall(r"```(\w+)\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL):
        if kind == "console":
            for line in text.splitlines():
                command, _, comment = line.partition("  # ")
                codes[line] = run(*command.split()[1:]).code == (1 if comment else 0)
        else:
            file = re.match(r"# (\S+)\n", text)
            assert file is not None
            (tmp_path / file[1]).write_text(text)

    assert len(codes) > 5
    assert [line for line, as_described in codes.items() if not as_described] == []
    assert len(yaml.safe_load((tmp_path / "my_suite" / "cases.yaml").read_text())) == 3
