"""The problems of a suite that asks for promotions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval_pipeline.suite.check import check_suite
from eval_pipeline_tests.building import write_suite

TARGET = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo", "prompt": "hub:support:production"}


def problems(folder: Path, **fields: Any) -> list[tuple[str | None, str]]:
    return [
        (problem.field, problem.message)
        for problem in check_suite(write_suite(folder, **{"target": TARGET, **fields}))[2]
    ]


def test_promotions_are_off_until_asked_for_and_first_only_shown(folder: Path) -> None:
    suite = check_suite(write_suite(folder, target=TARGET))[0]
    assert suite is not None
    assert (suite.spec.promotion.enabled, suite.spec.promotion.dry_run) == (False, True)
    sensors = suite.spec.sensors
    assert not sensors.prompt_committed.enabled
    assert not sensors.prompt_committed.promote
    assert not sensors.prompt_regressed.enabled


@pytest.mark.parametrize("prompt", ["hub:support", "hub:support:latest", f"hub:support:{'a' * 16}", "file:a.txt", None])
@pytest.mark.parametrize(
    "asked",
    [
        {"promotion": {"enabled": True}},
        {"sensors": {"prompt_committed": {"enabled": True}}},
        {"sensors": {"prompt_regressed": {"enabled": True}}},
    ],
)
def test_a_target_whose_prompt_is_at_no_tag_is_reported(
    folder: Path, prompt: str | None, asked: dict[str, Any]
) -> None:
    ((field, message),) = problems(folder, target={**TARGET, "prompt": prompt}, **asked)
    assert field == "target.prompt"
    assert "promotions move a tag" in message


def test_a_target_whose_prompt_is_at_a_tag_is_sound(folder: Path) -> None:
    asked = {"promotion": {"enabled": True}, "sensors": {"prompt_committed": {"enabled": True, "promote": True}}}
    assert problems(folder, **asked) == []


def test_commits_cannot_be_promoted_where_nothing_is(folder: Path) -> None:
    ((field, _),) = problems(folder, sensors={"prompt_committed": {"enabled": True, "promote": True}})
    assert field == "sensors.prompt_committed.promote"


def test_the_example_in_the_documentation_is_valid(folder: Path) -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text()
    examples = re.findall(r"```yaml\n(target:.*?)```", document, re.DOTALL)
    (example,) = (text for text in examples if "promotion:" in text)
    suite, _, problems = check_suite(write_suite(folder, **yaml.safe_load(example)))
    assert problems == []
    assert suite is not None
    assert (suite.spec.promotion.enabled, suite.spec.promotion.dry_run) == (True, False)
    assert suite.spec.sensors.prompt_committed.promote
