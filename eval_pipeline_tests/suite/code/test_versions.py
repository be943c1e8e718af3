"""A mutation test of versions: each kind of edit makes again exactly what depends on it, and nothing else."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.plan import plan_context
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.prompts.disk_cache import PromptCache
from eval_pipeline.prompts.resolving import HubPromptStore
from eval_pipeline.prompts.suite_prompts import resolve_prompts
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import covered_code
from eval_pipeline.suite.covered import coverage_lines
from eval_pipeline.suite.discovery import SHIPPED
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.targets.opening import target_version
from eval_pipeline_tests.building import write_suite
from eval_pipeline_tests.suite.code.test_suite_modules import write

FILES = {
    "agent.py": """
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import local_package.core
import installed_package
from helpers import tidy
from lib.deep import words
from .neighbour import n

if TYPE_CHECKING:
    import types_only

HERE = Path(__file__).parent
LOG, STATE = HERE / "calls.txt", HERE / "state.json"
MODEL = os.environ.get("AGENT_MODEL", "small")
TRACE = os.getenv("AGENT_TRACE")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "vendored"))
import by_path

def answer(message):
    import later
    from lib import lazy
    plugin = import_module("plugins.one")
    anything = import_module(f"found.{message}")
    with open(LOG, "a") as log:
        log.write(message)
    STATE.write_text(message)
    text = (HERE / "prompts" / "system.txt").read_text()
    for each in (HERE / "snippets").glob("*.md"):
        text += each.read_text()
    return text + Path(__file__).with_name("rules.json").read_text() + (HERE / "tones" / f"{message}.txt").read_text()
""",
    "helpers.py": "from second import more\ntidy = 1\n",
    "second.py": "more = 1\n",
    "neighbour.py": "n = 1\n",
    "types_only.py": "",
    "later.py": "",
    "unrelated.py": "",
    "lib/__init__.py": "",
    "lib/deep/__init__.py": "from .words import *\n",
    "lib/deep/words.py": "words = 1\n",
    "lib/lazy.py": "",
    "lib/other.py": "",
    "plugins/one.py": "",
    "plugins/two.py": "",
    "found/a.py": "",
    "vendored/by_path.py": "",
    "calls.txt": "",
    "state.json": "",
    "rules.json": "{}",
    "README.md": "",
    "prompts/system.txt": "be kind",
    "prompts/unused.txt": "",
    "prompts/agent.txt": "You help.",
    "prompts/judge.txt": "Be strict.",
    "snippets/one.md": "",
    "tones/polite.txt": "",
    "data/rows.csv": "id\n1\n",
    "data/notes.csv": "id\n1\n",
    "options.toml": "a = 1",
    "checks.py": "from check_words import w\ndef polite(response, words):\n    return True\n",
    "check_words.py": "w = 1\n",
    "check_words.txt": "please",
    "evs.py": "from eval_pipeline_tests.fakes import echo\ndef correct(outputs):\n    return True\n",
    "ev_prompt.py": "PROMPT = 'x'\n",
    "judges.py": "import judge_words\nmodel = 1\n",
    "judge_words.py": "",
    "judge_data.txt": "",
    "vectors.py": "model = 1\n",
    "rows.py": "from row_words import w\ndef rows(**args):\n    return []\n",
    "row_words.py": "w = 1\n",
    "row_data.txt": "",
    "table.csv": "id\n1\n",
    "users.py": "def talk(message):\n    return None\n",
    "user_model.py": "model = 1\n",
    "corrections.jsonl": '{"input": "a", "output": "b", "verdict": "yes"}\n',
}
TARGET = {
    "kind": "python",
    "path": "agent.py:answer",
    "factory": True,
    "options": {"config": "options.toml"},
    "prompt": "file:prompts/agent.txt",
    "version_files": ["data/*.csv", "!data/notes.csv"],
}
SUITE: Mapping[str, Any] = {
    "target": TARGET,
    "judge": {
        "model": "judges.py:model",
        "prompt": "file:prompts/judge.txt",
        "corrections": {"file": "corrections.jsonl"},
        "version_files": ["judge_data.txt"],
    },
    "simulated_user": {"model": "user_model.py:model"},
    "context": {
        "tables": {
            "one": {"file": "table.csv"},
            "two": {"python": "rows.py:rows", "version_files": ["row_data.txt"]},
        }
    },
}
PYTHON = {"type": "python", "path": "checks.py:polite", "args": {"words": "check_words.txt"}}
EVALUATOR = {"type": "evaluator", "path": "evs.py:correct", "args": {"prompt": {"import": "ev_prompt.py:PROMPT"}}}
CASES: Mapping[str, Mapping[str, Any]] = {
    "plain": {"assertions": [{"type": "contains", "value": "x"}]},
    "python": {"assertions": [PYTHON]},
    "evaluator": {"assertions": [EVALUATOR]},
    "judged": {"assertions": [{"type": "llm_rubric", "value": "It greets."}]},
    "similar": {"assertions": [{"type": "similarity", "value": "x", "model": "vectors.py:model", "threshold": 0.5}]},
    "schema": {"assertions": [{"type": "json_schema", "schema": {"type": "object"}}]},
    "scripted": {"simulation": {"script": "users.py:talk"}},
    "played": {"simulation": {"goal": "a refund"}},
}
CORRECTION = '{"input": "c", "output": "d", "verdict": "no"}\n'
ALL = frozenset({"target", "context", *CASES})


@dataclass
class Place:
    """Where the suite and its packages are, and what an edit may change."""

    folder: Path
    site: Path
    local: Path
    suite: dict[str, Any]
    cases: dict[str, dict[str, Any]]

    def add(self, name: str, text: str = "# edited\n") -> None:
        """Append to a file of the suite."""
        with (self.folder / name).open("a") as file:
            file.write(text)

    def versions(self) -> dict[str, str]:
        """The version of each part, as a run of the suite as it is now computes it."""
        suite = read_suite(write_suite(self.folder, **self.suite))
        store = HubPromptStore(None, cache=PromptCache(self.local, server="s"), folder=self.folder)
        prompts = resolve_prompts(suite, store)
        pins = Pins(experiment="e", dataset_version="d", context_id=None, target_version="t")
        target: Any = None  # which is not opened
        evaluator = CaseEvaluator(suite=prompts.applied(suite), target=target, context=None, pins=pins, prompts=prompts)
        cases = [Case.model_validate({"id": name, "input": "hello", **fields}) for name, fields in self.cases.items()]
        return {
            "target": target_version(suite, prompts),
            "context": plan_context(suite, cases).context_id,
            **{case.id: evaluator.fingerprint(case) for case in cases},
        }


def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The suite in a folder, with an installed package and a local one on `sys.path`."""
    site, local = tmp_path / "site-packages", tmp_path / "monorepo"
    write(site, {"installed_package/__init__.py": "", "required_package.py": "", "other_package.py": ""})
    requirements = {
        "installed_package": "Requires-Dist: required-package\n",
        "required_package": "",
        "other_package": "",
    }
    for name, required in requirements.items():
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}"
        write(site, {f"{name}-1.0.dist-info/METADATA": text})
    modules = {"__init__": "", "core": "from . import inner", "inner": "", "other": ""}
    write(local, {f"local_package/{name}.py": text for name, text in modules.items()})
    for path in (site, local):
        monkeypatch.syspath_prepend(str(path))
    monkeypatch.setenv("AGENT_MODEL", "small")
    monkeypatch.setenv("AGENT_TRACE", "")
    return Place(
        write(tmp_path / "suite", FILES), site, local, {**SUITE}, {name: {**each} for name, each in CASES.items()}
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The suite at a place of its own."""
    return placed(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The versions of the suite before an edit, at another place."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return placed(tmp_path_factory.mktemp("unedited"), monkeypatch).versions()


def edit(name: str) -> Callable[[Place], object]:
    return lambda place: place.add(name)


def upgrade(package: str) -> Callable[[Place], object]:
    def upgraded(place: Place) -> None:
        metadata = place.site / f"{package}-1.0.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text().replace("1.0", "1.1"))

    return upgraded


def change(part: str, **fields: Any) -> Callable[[Place], object]:
    def changed(place: Place) -> None:
        place.suite[part] = {**place.suite[part], **fields}

    return changed


def of_case(case: str, **fields: Any) -> Callable[[Place], object]:
    return lambda place: place.cases[case].update(fields)


def environment(name: str) -> Callable[[Place], object]:
    return lambda _place: os.environ.update({name: "large"})


def local(name: str) -> Callable[[Place], object]:
    return lambda place: (place.local / name).write_text("edited = 1\n")


def remove(name: str) -> Callable[[Place], object]:
    return lambda place: (place.folder / name).unlink()


EDITS: Mapping[str, tuple[Callable[[Place], object], set[str]]] = {
    "the agent": (edit("agent.py"), {"target"}),
    "a module beside it": (edit("helpers.py"), {"target"}),
    "a module that this one imports": (edit("second.py"), {"target"}),
    "a relative import": (edit("neighbour.py"), {"target"}),
    "a package's own file": (edit("lib/__init__.py"), {"target"}),
    "a module of a sub-package": (edit("lib/deep/words.py"), {"target"}),
    "a module that a function imports": (edit("later.py"), {"target"}),
    "a module of a package that a function imports": (edit("lib/lazy.py"), {"target"}),
    "a module imported by its name as text": (edit("plugins/one.py"), {"target"}),
    "a module imported by a computed name": (edit("found/a.py"), {"target"}),
    "a module below a folder added to sys.path": (edit("vendored/by_path.py"), {"target"}),
    "a module of a local package": (local("local_package/core.py"), {"target"}),
    "a module that it imports": (local("local_package/inner.py"), {"target"}),
    "another module of it": (local("local_package/other.py"), set()),
    "an installed package": (upgrade("installed_package"), {"target"}),
    "a package that it requires": (upgrade("required_package"), {"target"}),
    "another installed package": (upgrade("other_package"), set()),
    "a file that the agent reads": (edit("prompts/system.txt"), {"target"}),
    "a file beside the agent": (edit("rules.json"), {"target"}),
    "a file that a pattern of the agent matches": (edit("snippets/one.md"), {"target"}),
    "a file of a computed name": (edit("tones/polite.txt"), {"target"}),
    "a further file for a pattern": (lambda place: write(place.folder, {"snippets/two.md": ""}), {"target"}),
    "a file that is removed": (remove("rules.json"), {"target"}),
    "a file that the agent writes": (edit("calls.txt"), set()),
    "a file that the agent reads and writes": (edit("state.json"), set()),
    "a file that nothing reads": (edit("README.md"), set()),
    "a module for type checkers": (edit("types_only.py"), set()),
    "a module that nothing imports": (edit("unrelated.py"), set()),
    "another module of a package": (edit("lib/other.py"), set()),
    "another plugin": (edit("plugins/two.py"), set()),
    "a prompt": (edit("prompts/agent.txt"), {"target"}),
    "a prompt that nothing names": (edit("prompts/unused.txt"), set()),
    "a file of version_files": (edit("data/rows.csv"), {"target"}),
    "a file left out of version_files": (edit("data/notes.csv"), set()),
    "a file that an option names": (edit("options.toml"), {"target"}),
    "an option": (change("target", options={"config": "options.toml", "temperature": 0.5}), {"target"}),
    "the model in the environment": (environment("AGENT_MODEL"), {"target"}),
    "another variable": (environment("AGENT_TRACE"), set()),
    "an assertion's code": (edit("checks.py"), {"python"}),
    "a module that it imports too": (edit("check_words.py"), {"python"}),
    "a file in its arguments": (edit("check_words.txt"), {"python"}),
    "its arguments": (of_case("python", assertions=[{**PYTHON, "args": {"words": "x"}}]), {"python"}),
    "an evaluator": (edit("evs.py"), {"evaluator"}),
    "what its arguments import": (edit("ev_prompt.py"), {"evaluator"}),
    "a judge's model": (edit("judges.py"), {"judged"}),
    "what this imports": (edit("judge_words.py"), {"judged"}),
    "the judge's files": (edit("judge_data.txt"), {"judged"}),
    "the judge's prompt": (edit("prompts/judge.txt"), {"judged"}),
    "the judge's options": (change("judge", options={"temperature": 0.5}), {"judged"}),
    "another judge": (change("judge", model="openai:gpt-4o"), {"judged"}),
    "corrections": (lambda place: place.add("corrections.jsonl", CORRECTION), {"judged"}),
    "a rubric": (of_case("judged", assertions=[{"type": "llm_rubric", "value": "It thanks."}]), {"judged"}),
    "an embeddings model": (edit("vectors.py"), {"similar"}),
    "a schema": (of_case("schema", assertions=[{"type": "json_schema", "schema": {"type": "array"}}]), {"schema"}),
    "a simulated user's script": (edit("users.py"), {"scripted"}),
    "a simulated user's model": (edit("user_model.py"), {"played"}),
    "a case's input": (of_case("plain", input="bye"), {"plain"}),
    "a source's code": (edit("rows.py"), {"context"}),
    "a module that the source imports": (edit("row_words.py"), {"context"}),
    "a source's files": (edit("row_data.txt"), {"context"}),
    "a table's file": (lambda place: place.add("table.csv", "2\n"), {"context"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_changes_the_version_of_what_depends_on_it(place: Place, before: Mapping[str, str], kind: str) -> None:
    changes, expected = EDITS[kind]
    changes(place)
    after = place.versions()
    assert before.keys() == after.keys() == ALL
    assert {part for part in ALL if after[part] != before[part]} == expected


def test_versions_without_an_edit_are_equal_at_any_place(place: Place, before: Mapping[str, str]) -> None:
    copy = Path(shutil.copytree(place.folder, place.folder.with_name("copy")))
    assert before == place.versions() == replace(place, folder=copy).versions()


def test_the_version_does_not_depend_on_what_was_imported_before(place: Place) -> None:
    before = place.versions()
    covered = covered_code("agent.py:answer", folder=place.folder)
    assert covered is not None
    assert covered.missing == []
    from eval_pipeline.suite.import_path import resolve  # noqa: PLC0415 - what it does is tested

    resolve("agent.py:answer", folder=place.folder)
    assert place.versions() == before


def test_the_agent_of_the_shipped_suite_is_covered_and_the_package_around_it_is_not() -> None:
    covered = covered_code("eval_pipeline.suites.support_desk.agent:build_agent", folder=SHIPPED / "support_desk")
    assert covered is not None
    assert "agent.py" in covered.files
    assert not any("evaluation" in file for file in covered.files)


@pytest.mark.parametrize("version", [None, "7"])
def test_check_lists_what_the_versions_cover(place: Place, version: str | None) -> None:
    suite = read_suite(write_suite(place.folder, **change_of(place.suite, version)))
    cases = [Case.model_validate({"id": name, "input": "hello", **fields}) for name, fields in place.cases.items()]
    lines = list(coverage_lines(suite, cases))
    titles = {line for line in lines if not line.startswith(" ")}
    target = "target agent.py:answer" if version is None else "target: version '7' is given, so no code is covered"
    assert titles == {
        target,
        *("checks.py:polite", "evs.py:correct", "ev_prompt.py:PROMPT", "judges.py:model", "vectors.py:model"),
        *("rows.py:rows", "users.py:talk", "user_model.py:model"),
    }
    assert ("  prompts/system.txt" in lines) is (version is None)
    assert ("  environment that is not covered: AGENT_TRACE" in lines) is (version is None)


def change_of(suite: dict[str, Any], version: str | None) -> dict[str, Any]:
    return {**suite, "target": {**suite["target"], "version": version}} if version else suite
