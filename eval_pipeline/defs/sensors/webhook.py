"""Telling a webhook: the URL from the environment, one small JSON document, and never a word about the URL."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from eval_pipeline.serving.loopback import is_loopback_url
from eval_pipeline.settings import environment_variable
from eval_pipeline.suite.spec.automation import WebhookShape

_TIMEOUT_SECONDS = 5.0
_TRIES = 2


@dataclass(frozen=True, kw_only=True)
class Notice:
    """That a run failed."""

    suite: str
    run_id: str
    job: str
    reason: str
    """One line."""
    step: str | None = None
    run_url: str | None = None


def body_of(notice: Notice, shape: WebhookShape) -> dict[str, Any]:
    """What is posted. Slack's: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
    if shape == "json":
        parts = {"event": "run_failed", **vars(notice)}
        return {name: value for name, value in parts.items() if value is not None}
    run = notice.run_id[:8] if notice.run_url is None else f"<{notice.run_url}|{notice.run_id[:8]}>"
    at = "" if notice.step is None else f" at `{notice.step}`"
    return {"text": f"*{slack_text(notice.suite)}*: run {run} failed{at}: {slack_text(notice.reason)}"}


def post(variable: str, body: Mapping[str, Any]) -> str | None:
    """Tell the webhook whose URL `variable` holds. Returns why it was not told, or None; never raises.

    What is returned does not name the URL: whoever has a webhook's URL can write to it.
    """
    url = environment_variable(variable)
    if not url:
        return f"the environment variable {variable} is not set"
    if not url.startswith(("https://", "http://")):
        return f"the environment variable {variable} holds no http(s) URL"
    why: str | None = None
    for _ in range(_TRIES):
        why = _post_once(url, orjson.dumps(body))
        if why is None:
            break
    return why


def slack_text(text: str) -> str:
    """`text` for Slack, which reads `<…>` as links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post_once(url: str, data: bytes) -> str | None:
    # Not httpx or requests: both log the URLs they ask.
    try:
        request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"}, method="POST")  # noqa: S310 - the scheme was looked at
        # Without a proxy of the environment for a server on this machine.
        proxies = urllib.request.ProxyHandler({} if is_loopback_url(url) else None)
        with urllib.request.build_opener(proxies).open(request, timeout=_TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may name the URL, and a sensor must go on
        return f"it could not be reached ({type(error).__name__})"
