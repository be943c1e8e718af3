"""Parse times in the forms that the LangSmith API accepts."""

from datetime import UTC, datetime


class TimeError(ValueError):
    """A value that is not a time."""


def parse_time(value: object) -> datetime:
    """Parse ISO 8601 text (UTC where it has no offset) or epoch milliseconds.

    Raises:
        TimeError: the value is neither.
    """
    if isinstance(value, datetime) and value.tzinfo is UTC:  # as nearly all are
        return value
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000, tz=UTC)
        elif isinstance(value, datetime):
            moment = value
        else:
            raise TimeError(f"invalid time: {value!r}")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TimeError(f"invalid time: {value!r}") from error
