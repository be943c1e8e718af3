"""What the documents show is what comes out, and what they name is there."""

import doctest
import re
from pathlib import Path

import pytest
import yaml

from eval_pipeline.suite.spec.gates import Gates
from eval_pipeline.suite.suite import Suite, SuiteSpec
from eval_pipeline.variants.variant import variants_of
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.small_suite import write_small_suite

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results.md"


def test_the_notebook_about_results_gives_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    folder = write_small_suite(tmp_path / "shop")
    assert made_terminal(monkeypatch, capfd)("run", folder, "--repetitions", "2").code == 0

    (shown,) = re.findall(r"```pycon\n(.*?)```", RESULTS.read_text(), re.DOTALL)
    test = doctest.DocTestParser().get_doctest(shown, {}, "results.md", str(RESULTS), 0)
    said: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)

    assert outcome.attempted > 6
    assert outcome.failed == 0, "".join(said)


def test_the_gates_of_the_example_can_be_read() -> None:
    (example,) = re.findall(r"```yaml\n(gates:.*?)```", RESULTS.read_text(), re.DOTALL)
    names = list(Gates.model_validate(yaml.safe_load(example)["gates"]).named())
    assert names[0] == "min_pass_rate"
    assert "max_regression__tag_each" in names


def test_the_variants_of_the_example_each_make_another_target() -> None:
    examples = re.findall(r"```yaml\n(target:.*?)```", (RESULTS.parent / "prompts.md").read_text(), re.DOTALL)
    (example,) = (found for found in examples if "variants:" in found)
    spec = SuiteSpec.model_validate({"name": "shop", "cases": "cases.yaml", **yaml.safe_load(example)})
    found = variants_of(Suite(spec=spec, folder=Path()))
    assert [(each.name, each.changes) for each in found] == [
        ("current", ()),
        ("candidate", ("prompt:support",)),
        ("mini", ("model",)),
        ("warmer", ("params",)),
        ("streamed", ("config",)),
    ]


def test_the_tests_that_the_threat_model_names_are_there() -> None:
    tests = Path(__file__).resolve().parent
    rows = [line for line in (RESULTS.parent / "security.md").read_text().splitlines() if line.startswith("| ")]
    named = {name for row in rows[1:] for name in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1])}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (tests / name).exists()] == []


def test_every_path_that_the_architecture_names_exists() -> None:
    root = RESULTS.parent.parent
    text = (root / "ARCHITECTURE.md").read_text()
    table = text[text.index("## To change") :]
    paths = re.findall(r"`((?:eval_pipeline|eval_pipeline_tests|bench|deploy|docs)[\w/.]*)`", table)

    assert len(paths) > 60
    assert [path for path in paths if not (root / path).exists()] == []
    assert text.count("\n") <= 150


def test_each_row_of_the_documents_names_a_test_that_exists() -> None:
    tests = Path(__file__).resolve().parent
    rows = re.findall(r"^\| (\d+) \|.*\|", (RESULTS.parent / "seeds.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"\| `([\w/]+(?:/|\.py))` \|", (RESULTS.parent / "seeds.md").read_text()))
    assert list(map(int, rows)) == list(range(1, 210))
    assert [name for name in sorted(named) if not (tests / name).exists()] == []


def test_every_package_stands_in_the_architecture() -> None:
    root = RESULTS.parent.parent
    packages = {path.parent.name for path in (root / "eval_pipeline").glob("*/__init__.py")} - {"suites"}

    text = (root / "ARCHITECTURE.md").read_text()
    rows = text[text.index("| package |") : text.index("## Invariants")]
    named = {
        name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert named == packages


def test_every_private_part_of_a_dependency_stands_in_contributing() -> None:
    root = RESULTS.parent.parent
    private = re.compile(r"(?:from|import) ((?:dagster|langchain|langgraph|langsmith)[\w.]*\._[\w.]*)")
    text = (root / "CONTRIBUTING.md").read_text()
    used = [
        (path.relative_to(root / "eval_pipeline").as_posix(), module)
        for path in (root / "eval_pipeline").rglob("*.py")
        for module in private.findall(path.read_text())
    ]

    assert used
    assert [
        (path, module) for path, module in used if f"`{path}`" not in text or not path.startswith("dagster_ext")
    ] == []
