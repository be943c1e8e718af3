"""Checks of this host's clock against the clocks of servers."""

import datetime as dt
import email.utils
from collections.abc import Iterator

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.doctor.finding import Finding, failed, ok
from eval_pipeline.store.opening import s3_location

CLOCK_SECONDS = 60.0
"""Amazon rejects requests from clocks that are 15 minutes off; LangSmith sorts runs wrongly long before that."""


def check_clock(server: str, date: str | None, now: dt.datetime) -> Iterator[Finding]:
    """Compare `now` with the `Date` header of a server's answer (RFC 9110, section 6.6.1)."""
    if date is None:
        return
    try:
        server_time = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return
    difference = (now - server_time).total_seconds()
    if abs(difference) <= CLOCK_SECONDS:
        yield ok("clock", f"within {CLOCK_SECONDS:.0f} s of {server}")
        return
    direction = "ahead of" if difference > 0 else "behind"
    yield failed("clock", f"{abs(difference):.0f} s {direction} {server}", fix="synchronize the clock (NTP)")


def check_bucket_clock(resource: StoreResource) -> Iterator[Finding]:
    """Compare the clock with that of the store's S3 server; `check_store` reports other errors of the server."""
    location, client = s3_location(resource.root), getattr(resource, "get_client", None)
    if location is None or client is None:
        return
    try:
        answer = client().head_bucket(Bucket=location.bucket)
    except Exception as error:  # noqa: BLE001 - an error response has a date, too
        answer = getattr(error, "response", {})
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    yield from check_clock(resource.root, date, dt.datetime.now(tz=dt.UTC))
