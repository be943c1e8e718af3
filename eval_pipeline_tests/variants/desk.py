"""`support_desk` with prompts in a hub and a model that obeys them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from eval_pipeline.suite.discovery import SHIPPED
from eval_pipeline_tests.prompts.published import publish
from eval_pipeline_tests.variants import obedient_model

MODEL = "eval_pipeline_tests.variants.obedient_model:ObedientModel"
PROMPT_NAME = "support"
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


def write_desk(folder: Path, *variants: str) -> Path:
    """The suite in `folder`, whose prompt is `hub:support:production`, with a variant for each tag named."""
    shutil.copytree(SHIPPED / "support_desk", folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "suite.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("  recursion_limit: 25", f"  recursion_limit: 25\n  prompt: hub:{PROMPT_NAME}:production")
    listed = "".join(f"  - {{name: {name}, prompt: hub:{PROMPT_NAME}:{name}}}\n" for name in variants)
    file.write_text(f"{text}\nvariants:\n{listed}" if variants else text, encoding="utf-8")
    return folder
