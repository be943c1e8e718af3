"""Times as documents in the store and their keys write them: UTC."""

import datetime as dt
from typing import Literal


def timestamp(timespec: Literal["seconds", "milliseconds", "microseconds"] = "seconds") -> str:
    """The current time, UTC, in ISO 8601."""
    return dt.datetime.now(tz=dt.UTC).isoformat(timespec=timespec)


def sortable(time: str) -> str:
    """The digits of a timestamp; keys that begin with them sort by time."""
    return "".join(character for character in time if character.isdigit())
