"""What a webhook is told of a suite's prompt: that it was promoted, kept, taken back; what came of a new commit."""

from dataclasses import dataclass
from typing import Any, Literal

from eval_pipeline.defs.sensors.webhook import slack_text
from eval_pipeline.promotion.moving import shown
from eval_pipeline.suite.spec.automation import WebhookShape

PromptEvent = Literal[
    "prompt_promoted", "prompt_rolled_back", "prompt_kept", "prompt_regressed", "prompt_commit_evaluated"
]

_WORDS = {
    "prompt_promoted": "was promoted",
    "prompt_rolled_back": "was rolled back",
    "prompt_kept": "stays, after the run that followed its promotion",
    "prompt_regressed": "made things worse, and was not rolled back",
    "prompt_commit_evaluated": "has a new commit, which was evaluated",
}


@dataclass(frozen=True, kw_only=True)
class PromptNotice:
    """One thing that happened to a prompt."""

    event: PromptEvent
    suite: str
    prompt: str
    """`hub:NAME:TAG`."""
    before: str | None
    """The commit that was in use; of a new commit, the one that it was held against."""
    after: str
    """The commit that is in use since; of a new commit, that commit."""
    reason: str
    """One line."""
    run_url: str | None = None


def prompt_body(notice: PromptNotice, shape: WebhookShape) -> dict[str, Any]:
    """What is posted."""
    if shape == "json":
        return {name: value for name, value in vars(notice).items() if value is not None}
    commits = f"`{shown(notice.before)}` → `{shown(notice.after)}`"
    run = "" if notice.run_url is None else f" (<{notice.run_url}|run>)"
    said = f"`{notice.prompt}` {_WORDS[notice.event]} ({commits}): {slack_text(notice.reason)}"
    return {"text": f"*{slack_text(notice.suite)}*: {said}{run}"}
