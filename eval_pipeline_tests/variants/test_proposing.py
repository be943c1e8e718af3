"""Proposed prompts: training cases select, held-out cases check, each is kept with its reason, nothing is promoted."""

import json
from pathlib import Path

import pytest
import yaml

from eval_pipeline.errors import InputError
from eval_pipeline.pipeline.progress import QuietProgress
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.variants.proposing import ProposalReport, propose
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.analysis.stored import keep_experiment

_CODE = """\
import pathlib

from eval_pipeline.testing.scripted_model import ScriptedModel


def answer(message, prompt):
    return "right" if int(message) * 7 % 10 < int(prompt.text().split()[-1]) else "wrong"


def rule(messages):
    pathlib.Path("{asked}").write_text(messages[-1].text)
    proposals = [{{"prompt": text, "reason": "more skill"}} for text in {texts}]
    return ScriptedModel.call("ProposedPrompts", proposals=proposals)


def proposer():
    return ScriptedModel(rule=rule)
"""


def write(folder: Path, *texts: str) -> Path:
    folder.mkdir()
    (folder / "code.py").write_text(_CODE.format(asked=folder / "asked.txt", texts=list(texts)))
    (folder / "prompt.txt").write_text("Skill 5")
    target = {"kind": "python", "path": "code.py:answer", "prompt": "file:prompt.txt"}
    spec = {"name": "skills", "cases": "cases.yaml", "target": target}
    (folder / "suite.yaml").write_text(yaml.safe_dump(spec))
    cases = [
        {"id": f"c{n:03}", "input": str(n), "assertions": [{"type": "equals", "value": "right"}]} for n in range(60)
    ]
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases))
    return folder


def proposed(folder: Path, store: LocalStore, **options: float | None) -> ProposalReport:
    return propose(
        read_suite(folder),
        store,
        proposer="code.py:proposer",
        number=3,
        held_out=0.5,
        max_cost_usd=options.get("max_cost_usd"),
        settings=LangSmithSettings(mode="off"),
        progress=QuietProgress(),
    )


def evaluated(store: LocalStore, *, failed: int = 30) -> None:
    """An experiment of the suite as it stands, in which the first `failed` cases failed."""
    statuses = {f"c{n:03}": "failed" if n < failed else "passed" for n in range(60)}
    results = [a_result(case_id, status=status, suite="skills") for case_id, status in statuses.items()]
    keep_experiment(store, f"skills-{failed}", results, suite="skills")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_the_best_on_training_cases_is_checked_once_on_others_and_all_are_kept(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write(tmp_path / "skills", "Skill 6", "Skill 10", "Skill 5")
    evaluated(store)

    report = proposed(folder, store)

    assert report.training_cases + report.held_out_cases == 60
    assert (report.chosen, report.significant, report.stopped) == ("proposal-2", True, None)
    assert "better than current" in str(report.held_out_verdict)
    assert [each.refused for each in report.proposals] == [None, None, "it is the current prompt"]
    assert {each.reason for each in report.proposals} == {"more skill"}
    chosen = report.proposals[1]
    assert (folder / str(chosen.file)).read_text() == "Skill 10"
    (key,) = store.list("proposals/skills/")
    assert json.loads(store.get(key) or b"")["chosen"] == "proposal-2"
    # The next round sees what was tried, and no held-out case is ever shown.
    proposed(folder, store)
    assert "Earlier proposal (+" in (folder / "asked.txt").read_text()


def test_a_proposal_that_is_no_better_is_not_checked_and_a_spent_budget_stops(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = write(tmp_path / "worse", "Skill 1")
    evaluated(store)
    report = proposed(folder, store)
    assert (report.chosen, report.held_out_verdict) == (None, None)
    assert report.stopped == "no proposal is better on the training cases"

    folder = write(tmp_path / "spent", "Skill 10")
    report = proposed(folder, store, max_cost_usd=0.0)
    assert report.stopped == "the budget is spent, or its cost is unknown"
    assert report.held_out_verdict is None


def test_without_a_failing_training_case_there_is_nothing_to_propose(store: LocalStore, tmp_path: Path) -> None:
    folder = write(tmp_path / "fine", "Skill 10")
    with pytest.raises(InputError, match="was not evaluated yet"):
        proposed(folder, store)
    evaluated(store, failed=0)
    with pytest.raises(InputError, match="no training case failed"):
        proposed(folder, store)
