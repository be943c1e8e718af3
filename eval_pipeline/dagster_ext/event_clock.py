"""Times for events that are written together: a millisecond apart, since the Dagster UI shows one event of each."""

import time

_APART_S = 0.001


class EventClock:
    """The times of one step's events; each is later than all before it."""

    def __init__(self) -> None:
        self._last = 0.0

    def moments(self, number: int) -> list[float]:
        """Times of as many events, the last of them now, or later if events come faster than one a millisecond."""
        first = max(time.time() - (number - 1) * _APART_S, self._last + _APART_S)
        moments = [first + index * _APART_S for index in range(number)]
        self._last = moments[-1] if moments else self._last
        return moments
