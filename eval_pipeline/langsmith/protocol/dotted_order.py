"""Parse and format a run's dotted order, `20261120T233350309937Z<uuid>.…`: its path from the root of the trace."""

import functools
import re
from dataclasses import dataclass
from datetime import datetime

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_IS_UUID = re.compile(_UUID).fullmatch
_STEP = re.compile(rf"(\d{{8}}T\d{{6}})(\d{{6}})Z({_UUID})")


@dataclass(frozen=True, kw_only=True)
class DottedOrderStep:
    """One run on the path: when it started (UTC, microseconds), and its id in lower case."""

    start_time: datetime
    run_id: str


class DottedOrderError(ValueError):
    """A dotted order that cannot be parsed; the text is the server's message."""


def parse_dotted_order(text: str) -> tuple[DottedOrderStep, ...]:
    """Split a dotted order into its steps, root first.

    Raises:
        DottedOrderError: a step is not `%Y%m%dT%H%M%S%fZ` followed by a UUID.
    """
    return tuple(_parse_step(part, index) for index, part in enumerate(text.split(".")))


def format_step(step: DottedOrderStep) -> str:
    """Format one step; steps joined with `.` are a dotted order."""
    return f"{step.start_time:%Y%m%dT%H%M%S%f}Z{step.run_id}"


def is_uuid(value: object) -> bool:
    """Whether a value reads as a UUID in the usual hyphenated form."""
    return _IS_UUID(str(value)) is not None


@functools.lru_cache(maxsize=4096)  # a run's step is read again with each of its descendants
def _parse_step(part: str, index: int) -> DottedOrderStep:
    match = _STEP.fullmatch(part)
    if match is None:
        raise DottedOrderError(
            f"Bad request: invalid 'dotted_order': invalid timestamp in dotted_order {part} at index {index}"
        )
    day_and_second, microsecond, run_id = match.groups()
    try:
        start = datetime.fromisoformat(f"{day_and_second}.{microsecond}Z")
    except ValueError as error:
        raise DottedOrderError(
            f"Bad request: invalid 'dotted_order': invalid timestamp in dotted_order {part} at index {index}"
        ) from error
    return DottedOrderStep(start_time=start, run_id=run_id.lower())
