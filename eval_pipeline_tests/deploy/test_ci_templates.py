"""The action for GitHub and the template for GitLab: they call what there is, and quote what users give."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from eval_pipeline.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab.yml").read_text(encoding="utf-8"))
SCRIPTS = [
    *(step["run"] for step in ACTION["runs"]["steps"] if "run" in step),
    *GITLAB[".eval-pipeline"]["script"],
    *GITLAB[".eval-pipeline"]["after_script"],
]


def commands() -> list[list[str]]:
    """The calls of `eval-pipeline` in the scripts."""
    lines = [line.strip() for script in SCRIPTS for line in script.replace("\\\n", " ").splitlines()]
    return [shlex.split(line.split("||")[0]) for line in lines if line.startswith("eval-pipeline ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_option_that_a_template_gives_is_one_of_its_command(words: list[str]) -> None:
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_the_action_names_inputs_that_it_has_and_never_pastes_them_into_a_script() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert "${{" not in step.get("with", {}).get("script", "")


def test_the_action_updates_its_comment_by_the_marker_of_the_text() -> None:
    (script,) = (step["with"]["script"] for step in ACTION["runs"]["steps"] if "script" in step.get("with", {}))
    assert "startsWith(marker)" in script
    assert ".eval-pipeline/out/comment.md" in script
