"""`support_desk` with prompts in a hub and a model that obeys them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from eval_pipeline.suite.discovery import SHIPPED
from eval_pipeline_tests.prompts.published import publish
from eval_pipeline_tests.variants import obedient_model

MODEL = "eval_pipeline_tests.variants.obedient_model:ObedientModel"
PROMPT_NAME = "support"
LEFT_OUT = ("conversations.yaml", "refunds.yaml", "shipping.csv")
"""Files of cases without which the prompts have the same order."""
PROMPTS: Mapping[str, str] = {
    "good": obedient_model.GOOD,
    "reworded": obedient_model.REWORDED,
    "guessing": obedient_model.GUESSING,
    "broken": obedient_model.BROKEN,
}


def publish_prompts(url: str, *, current: str) -> dict[str, str]:
    """Commit all prompts to the hub at `url`, each under a tag of its name; `current` is `production`, too.

    Returns:
        The commit by tag.
    """
    commits = {tag: publish(url, text, name=PROMPT_NAME, tag=tag) for tag, text in PROMPTS.items()}
    # Not the newest commit: the tag has to be asked for.
    return {**commits, "production": publish(url, PROMPTS[current], name=PROMPT_NAME)}


def write_part(folder: Path, *left_out: str) -> Path:
    """The suite in `folder`, without some of its files of cases: what all of them show costs four times as much."""
    shutil.copytree(SHIPPED / "support_desk", folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "suite.yaml"
    text = file.read_text(encoding="utf-8")
    for name in left_out:
        assert f"  - cases/{name}\n" in text
        text = text.replace(f"  - cases/{name}\n", "")
    file.write_text(text, encoding="utf-8")
    return folder


def write_desk(folder: Path, *variants: str) -> Path:
    """The suite in `folder`, whose prompt is `hub:support:production`, with a variant for each tag named."""
    file = write_part(folder, *LEFT_OUT) / "suite.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("  recursion_limit: 25", f"  recursion_limit: 25\n  prompt: hub:{PROMPT_NAME}:production")
    listed = "".join(f"  - {{name: {name}, prompt: hub:{PROMPT_NAME}:{name}}}\n" for name in variants)
    file.write_text(f"{text}\nvariants:\n{listed}" if variants else text, encoding="utf-8")
    return folder
