"""A new suite as files, and what each kind of beginning has in them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.json_schema import cases_schema, suite_schema
from eval_pipeline.suite.suite import SUITE_FILE

SCHEMAS = ".eval-pipeline"
"""The folder of the schemas that the first lines of the files name."""
CASES_FILE = "cases.yaml"

_AGENT = '''\
"""The agent under test. Replace it by yours: a callable, a graph, a chat model, or an agent behind a URL."""


def answer(message: str) -> str:
    """Answer a message; a chat model would be called here."""
    if "hours" in message:
        return "We are open from 9 to 17 on weekdays."
    return "I can tell you our opening hours."
'''
_TEST = '''\
"""The suite as a test: `pytest {folder}` evaluates it, and fails where a case does."""

from pathlib import Path

import pytest

from eval_pipeline import EvalRunner

RUNNER = EvalRunner(Path(__file__).parent)


@pytest.mark.parametrize("case", [case.id for case in RUNNER.dataset.cases])
def test_case(case: str) -> None:
    result = RUNNER.run(case)
    assert result.status == "passed", [each.message for each in result.assertions if not each.passed]
'''
_SUITE = """\
# yaml-language-server: $schema={schemas}/suite.schema.json
# Every field: `eval-pipeline schema`. `eval-pipeline check` validates this file and what it names.
name: {name}

# What is evaluated. `kind`: python, langgraph, chat, remote, http, recorded.
target:
{target}

# What it is evaluated on.
{cases}

# Assertions on all answers, besides the assertions of the cases themselves.
assertions:
{assertions}

# What fails a run: `eval-pipeline run` then exits with 1.
gates:
  min_pass_rate: 0.9
  max_error_rate: 0.05

evaluation:
  max_concurrency: 8
  timeout_s: 120
"""
_CASES = """\
# yaml-language-server: $schema={schemas}/cases.schema.json
# One case each: `id`, what the user says (`input`, or `turns`), and assertions on the answer.
"""
_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(kw_only=True)
class NewSuite:
    """The files of a new suite that are not written yet."""

    folder: Path
    target: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]] = ()
    """Cases for the file of cases; without any, `source` says where they are."""
    source: Mapping[str, Any] | None = None
    """Where cases are, as in `cases:` of suite.yaml."""
    assertions: Sequence[Mapping[str, Any]] = ({"type": "not_contains", "value": ["Traceback", "As an AI"]},)
    further: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of suite.yaml."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files, by name."""
    notes: list[str] = field(default_factory=list)
    """What was left out, or remains to be done, a line each."""

    @property
    def name(self) -> str:
        """The name of the suite, from that of its folder."""
        name = _NAME.sub("_", self.folder.resolve().name).strip("_") or "suite"
        return (name if name[0].isalpha() else f"suite_{name}")[:63]

    def contents(self) -> dict[str, str]:
        """Every file's text, by name."""
        sources: list[Any] = [] if self.source is None else [dict(self.source)]
        files = dict(self.files)
        if self.cases:
            sources.insert(0, CASES_FILE)
            files[CASES_FILE] = _CASES.format(schemas=SCHEMAS) + as_yaml(list(self.cases))
        files[SUITE_FILE] = _SUITE.format(
            schemas=SCHEMAS,
            name=self.name,
            target=_indented(as_yaml(dict(self.target))),
            cases=as_yaml({"cases": sources[0] if len(sources) == 1 else sources}).rstrip(),
            assertions=_indented(as_yaml(list(self.assertions))) if self.assertions else "  []",
        ) + (f"\n{as_yaml(dict(self.further))}" if self.further else "")
        files["test_suite.py"] = _TEST.format(folder=self.folder.name)
        files[f"{SCHEMAS}/suite.schema.json"] = json.dumps(suite_schema(), indent=1) + "\n"
        files[f"{SCHEMAS}/cases.schema.json"] = json.dumps(cases_schema(), indent=1) + "\n"
        return files

    def write(self) -> list[Path]:
        """Write the files; returns those that a person reads.

        Raises:
            InputError: one of them exists already; nothing was written.
        """
        files = {self.folder / name: text for name, text in self.contents().items()}
        schemas = self.folder / SCHEMAS
        taken = [file for file in files if file.exists() and schemas not in file.parents]
        if taken:
            fix = "name another folder, or move them away"
            raise InputError(Problem(message="the file exists already", fix=fix, file=file) for file in taken)
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return [file for file in files if schemas not in file.parents]


def offline_suite(folder: Path) -> NewSuite:
    """A suite that runs without a network: a small agent, and cases of each common kind of assertion."""
    cases: list[dict[str, Any]] = [
        {
            "id": "opening-hours",
            "input": "What are your opening hours?",
            "tags": ["smoke"],
            "assertions": [{"type": "contains", "value": ["9", "17"]}],
        },
        {
            "id": "another-subject",
            "input": "Can you repair my bicycle?",
            "assertions": [{"type": "icontains", "value": "opening hours"}, {"type": "max_latency", "value": 5}],
        },
    ]
    target = {"kind": "python", "path": "agent.py:answer"}
    return NewSuite(folder=folder, target=target, cases=cases, files={"agent.py": _AGENT})


def dataset_suite(folder: Path, dataset: str, *, references: Sequence[str]) -> NewSuite:
    """A suite on the examples of a LangSmith dataset. `references`: keys of an example's outputs."""
    check = '''\
"""Scores of answers, as LangSmith's evaluators: by name, or with what else they ask for."""


def matches_reference(outputs, reference_outputs):
    """Whether the answer holds the reference. Make it stricter, or use a judge: `{{type: llm_rubric, …}}`."""
    expected = reference_outputs.get({key!r}) if isinstance(reference_outputs, dict) else reference_outputs
    answer = outputs.get("response", outputs) if isinstance(outputs, dict) else outputs
    return str(expected).strip().lower() in str(answer).lower()
'''
    return NewSuite(
        folder=folder,
        target={"kind": "python", "path": "agent.py:answer"},
        source={"langsmith_dataset": dataset},
        assertions=[{"type": "evaluator", "path": "evaluators.py:matches_reference"}],
        files={"agent.py": _AGENT, "evaluators.py": check.format(key=next(iter(references), "answer"))},
        notes=["replace agent.py by your agent"],
    )


def graph_suite(folder: Path, path: str) -> NewSuite:
    """A suite on a LangGraph graph."""
    cases = [
        {
            "id": "first",
            "input": "Hello, what can you do?",
            "assertions": [{"type": "regex", "value": r"\S"}, {"type": "max_turns", "value": 5}],
        }
    ]
    notes = ["replace the case in cases.yaml by yours"]
    return NewSuite(folder=folder, target={"kind": "langgraph", "path": path}, cases=cases, notes=notes)


def runs_suite(folder: Path, cases: Sequence[Mapping[str, Any]]) -> NewSuite:
    """A suite on what users asked in production."""
    notes = [f"add assertions and references to the {len(cases)} cases", "replace agent.py by your agent"]
    target = {"kind": "python", "path": "agent.py:answer"}
    return NewSuite(folder=folder, target=target, cases=cases, files={"agent.py": _AGENT}, notes=notes)


def as_yaml(data: Any) -> str:
    """`data` as YAML in the order in which it is, long texts in one line."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.rstrip().splitlines())
