"""Posts notices to a webhook: that a run failed, and what happened to a prompt.

The URL comes from an environment variable and is never logged, because anyone who has it can post.
"""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from eval_pipeline.promotion.move_tag import shown
from eval_pipeline.serving.loopback import is_loopback_url
from eval_pipeline.settings import environment_variable
from eval_pipeline.suite.spec.automation import WebhookShape

PromptEvent = Literal[
    "prompt_promoted", "prompt_rolled_back", "prompt_kept", "prompt_regressed", "prompt_commit_evaluated"
]
_TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 2
_PHRASES = {
    "prompt_promoted": "was promoted",
    "prompt_rolled_back": "was rolled back",
    "prompt_kept": "was kept after the run that followed its promotion",
    "prompt_regressed": "regressed and was not rolled back",
    "prompt_commit_evaluated": "has a new commit, which was evaluated",
}


@dataclass(frozen=True, kw_only=True)
class RunFailedNotice:
    """A run failed."""

    suite: str
    run_id: str
    job: str
    reason: str
    """One line."""
    step: str | None = None
    run_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class PromptNotice:
    """Something happened to a suite's prompt."""

    event: PromptEvent
    suite: str
    prompt: str
    """`hub:NAME:TAG`."""
    before: str | None
    """The previous commit of the tag; for a new commit, the one it was compared with."""
    after: str
    """The current commit of the tag; for a new commit, that commit."""
    reason: str
    """One line."""
    run_url: str | None = None


def run_failed_body(notice: RunFailedNotice, shape: WebhookShape) -> dict[str, Any]:
    """The document to post. Slack's: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
    if shape == "json":
        fields = {"event": "run_failed", **vars(notice)}
        return {name: value for name, value in fields.items() if value is not None}
    run = notice.run_id[:8] if notice.run_url is None else f"<{notice.run_url}|{notice.run_id[:8]}>"
    at = "" if notice.step is None else f" at `{notice.step}`"
    return {"text": f"*{slack_text(notice.suite)}*: run {run} failed{at}: {slack_text(notice.reason)}"}


def prompt_body(notice: PromptNotice, shape: WebhookShape) -> dict[str, Any]:
    """The document to post."""
    if shape == "json":
        return {name: value for name, value in vars(notice).items() if value is not None}
    commits = f"`{shown(notice.before)}` → `{shown(notice.after)}`"
    run = "" if notice.run_url is None else f" (<{notice.run_url}|run>)"
    sentence = f"`{notice.prompt}` {_PHRASES[notice.event]} ({commits}): {slack_text(notice.reason)}"
    return {"text": f"*{slack_text(notice.suite)}*: {sentence}{run}"}


def post(variable: str, body: Mapping[str, Any]) -> str | None:
    """Post to the webhook whose URL is in the environment variable. Never raises.

    Returns:
        Why it failed, without the URL; None if it was posted.
    """
    url = environment_variable(variable)
    if not url:
        return f"the environment variable {variable} is not set"
    if not url.startswith(("https://", "http://")):
        return f"the environment variable {variable} is not an http(s) URL"
    error: str | None = None
    for _ in range(_ATTEMPTS):
        error = _post_once(url, orjson.dumps(body))
        if error is None:
            break
    return error


def slack_text(text: str) -> str:
    """The text escaped for Slack, which reads `<…>` as links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post_once(url: str, data: bytes) -> str | None:
    # httpx and requests log URLs.
    try:
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")  # noqa: S310 - the scheme was looked at
        # Without a proxy of the environment for a server on this machine.
        proxies = urllib.request.ProxyHandler({} if is_loopback_url(url) else None)
        with urllib.request.build_opener(proxies).open(request, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except Exception as error:  # noqa: BLE001 - the text of any error may contain the URL, and the sensor must go on
        return f"it could not be reached ({type(error).__name__})"
