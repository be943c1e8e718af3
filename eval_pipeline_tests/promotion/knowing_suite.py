"""A suite whose prompt decides how many of its cases pass: `Knows 6 of the answers.`"""

from pathlib import Path
from typing import Any

import yaml

from eval_pipeline_tests.prompts.published import publish

CASES = 12
_AGENT = """
from eval_pipeline.prompts.current import prompt_text


def answer(message):
    knows = int(prompt_text("Knows 0 of").split()[1])
    return "right" if int(message) < knows else "wrong"
"""


def write_knowing_suite(folder: Path, **fields: Any) -> Path:
    """Write the suite `shop` of twelve cases into `folder`, which is created if it is missing. Returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = {"kind": "python", "path": "agent.py:answer", "prompt": "hub:support:production"}
    suite = {"name": "shop", "cases": "cases.yaml", "target": target, **fields}
    asserted = [{"type": "equals", "value": "right"}]
    cases = [{"id": f"c{number:02d}", "input": str(number), "assertions": asserted} for number in range(CASES)]
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases, sort_keys=False))
    (folder / "agent.py").write_text(_AGENT)
    return folder


def publish_knowing(url: str, knows: int, *, tag: str | None = None) -> str:
    """A commit of the prompt with which so many of the twelve cases pass. Returns its hash."""
    return publish(url, f"Knows {knows} of the answers.", tag=tag)
