"""Make clients of the LangSmith SDK, for LangSmith or the recorder."""

from typing import Any

import requests
from langsmith import Client
from urllib3.util import Retry

from eval_pipeline.serving.loopback import is_loopback_url
from eval_pipeline.settings import Destination, LangSmithSettings

NO_RETRIES = Retry(total=0, read=False)
"""For tracing, which spools what fails: retries would hide failures, and delay everything behind them by 30 s."""
READ_RETRIES = Retry(total=2, backoff_factor=0.2, status_forcelist=[429, 502, 503, 504], raise_on_status=False)
"""For reading: 10,000 examples are a hundred requests, and one that fails by chance should not cost the others."""


def make_client(
    destination: Destination,
    settings: LangSmithSettings,
    *,
    retries: Retry = READ_RETRIES,
    info: dict[str, Any] | None = None,
) -> Client:
    """A client that has no thread of its own; this project queues and uploads by itself.

    Args:
        destination: the server.
        settings: time-outs and workspace.
        retries: of each request.
        info: the server's `/info`, if it was read before.
    """
    session = requests.Session()
    # A proxy of the environment is not for a server on this machine.
    session.trust_env = not is_loopback_url(destination.api_url)
    return Client(
        api_url=destination.api_url,
        api_key=destination.api_key.get_secret_value() or None,
        web_url=destination.web_url,
        workspace_id=settings.workspace_id if destination.name == "langsmith" else None,
        timeout_ms=(int(settings.connect_timeout_seconds * 1000), int(settings.request_timeout_seconds * 1000)),
        retry_config=retries,
        auto_batch_tracing=False,
        tracing_mode="langsmith",  # whatever OpenTelemetry is set up for by variables
        omit_traced_runtime_info=True,
        tracing_sampling_rate=1.0,
        info=info,
        session=session,
    )
