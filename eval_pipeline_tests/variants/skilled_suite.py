"""A suite of which each variant has a skill: how many of ten cases their target gets right."""

from collections import Counter
from pathlib import Path

import yaml

_AGENT = """\
import asyncio, os, pathlib

CALLS = os.open({calls!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def agent_of(skill, seconds=0.0, label=""):
    async def answer(message):
        os.write(CALLS, f"{{label or skill}} {{message}}\\n".encode())
        await asyncio.sleep(seconds)
        if pathlib.Path({broken!r}).exists() and skill == 7:
            raise RuntimeError("no answer")
        return "right" if int(message) * 7 % 10 < skill else "wrong"
    return answer
"""


def write_skilled_suite(
    folder: Path, *, cases: int = 40, current: int = 5, seconds: float = 0.0, **skills: int
) -> Path:
    """The suite `skills` in `folder`, with a variant for each of `skills`."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"skill": current, "seconds": seconds}
    data = {
        "name": "skills",
        "cases": "cases.yaml",
        "target": {"kind": "python", "path": "agent.py:agent_of", "factory": True, "options": options},
        "evaluation": {"max_concurrency": 8},
        "gates": {"min_pass_rate": 0.3},
        # The label distinguishes calls of variants of one skill.
        "variants": [{"name": name, "params": {"skill": skill, "label": name}} for name, skill in skills.items()],
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    asked = [
        {"id": f"c{number:03}", "input": str(number), "assertions": [{"type": "equals", "value": "right"}]}
        for number in range(cases)
    ]
    (folder / "cases.yaml").write_text(yaml.safe_dump(asked, sort_keys=False), encoding="utf-8")
    agent = _AGENT.format(calls=str(folder / "calls.txt"), broken=str(folder / "broken"))
    (folder / "agent.py").write_text(agent, encoding="utf-8")
    return folder


def calls_of(folder: Path) -> Counter[str]:
    """How often each variant's target was called, by the variant's name; `current` by its skill."""
    return Counter(line.partition(" ")[0] for line in (folder / "calls.txt").read_text(encoding="utf-8").splitlines())
