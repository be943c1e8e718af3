"""Checks of this host's clock, against those of the servers that runs call."""

import datetime as dt
import email.utils
from collections.abc import Iterator

from eval_pipeline.doctor.finding import Finding, failed, ok

CLOCK_SECONDS = 60.0
"""Amazon refuses requests from clocks 15 minutes off; LangSmith puts runs in the wrong order long before."""


def check_clock(server: str, date: str | None, now: dt.datetime) -> Iterator[Finding]:
    """Compare `now` with the `Date` that a server gave with its answer (RFC 9110, section 6.6.1)."""
    if date is None:
        return
    try:
        theirs = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return
    apart = (now - theirs).total_seconds()
    if abs(apart) <= CLOCK_SECONDS:
        yield ok("clock", f"within {CLOCK_SECONDS:.0f} s of {server}")
        return
    direction = "ahead of" if apart > 0 else "behind"
    fix = "synchronise the clock (NTP)"
    yield failed("clock", f"{abs(apart):.0f} s {direction} {server}", fix=fix)
