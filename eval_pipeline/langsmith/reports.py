"""Reports of experiments at the recorder, which serves them: pages of the Dagster UI link to them there."""

import http
from urllib.parse import quote

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import Destination, LangSmithSettings

_log = logger_of(__name__)
_REQUEST_SECONDS = 5.0


def publish_report(settings: LangSmithSettings, name: str, page: str) -> str | None:
    """Send a report to the recorder, if traces go to one; its URL, or None where no recorder took it."""
    destination = next((each for each in settings.destinations if each.name == "recorder"), None)
    if destination is None:
        return None
    with Connection(destination, settings) as connection:
        headers = {"Content-Type": "text/html; charset=utf-8"}
        data, path = page.encode(), _path(name)
        response = connection.request("PUT", path, data=data, headers=headers, timeout_s=_REQUEST_SECONDS)
    if response.ok:
        return report_url(destination, name)
    # Tracing reports a server that cannot be reached; a recorder of an earlier release takes no reports.
    if response.status not in (None, http.HTTPStatus.NOT_FOUND):
        _log.warning("the recorder did not take the report of %s: %s", name, response.text)
    return None


def delete_report(connection: Connection, name: str) -> None:
    """Delete a report from the recorder."""
    connection.request("DELETE", _path(name), timeout_s=_REQUEST_SECONDS)


def report_url(destination: Destination, name: str) -> str:
    """Where the recorder serves a report."""
    return f"{destination.web_url.rstrip('/')}{_path(name)}"


def _path(name: str) -> str:
    return f"/reports/{quote(name, safe='')}"
