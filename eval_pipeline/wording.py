"""Words of messages: numbers with their nouns, the first of many names, and the known names near an unknown one."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

_MOST_NEAR, _MOST_NAMED = 3, 8


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 case`, `2 cases`; `plural` where it is not `noun` with an `s`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


_STATUSES = ("passed", "failed", "error", "limit", "unscored", "skipped")


def statuses_in_words(counts: Mapping[str, int]) -> str:
    """How many attempts have each status: `41 passed, 19 failed, 1 error`."""
    named = [name for name in _STATUSES if counts.get(name) or name in ("passed", "failed")]
    return ", ".join(f"{counts.get(name, 0):,} {name}" for name in named)


def first_names(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """The first `most` names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """The known names that `name` may have been meant as, nearest first; in lower case they may be the same."""
    every = {known.casefold(): known for known in names}
    return [every[close] for close in difflib.get_close_matches(name.casefold(), every, n=_MOST_NEAR)]


def nearest(name: str, names: Iterable[str], *, none: str = "there is none yet") -> str:
    """The fix of a problem with an unknown `name`: those that it may have been meant as, or else all known ones.

    `none` is the fix where nothing has a name.
    """
    every = sorted(names)
    if near := near_names(name, every):
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"use one of {first_names(every)}" if every else none
