"""The words that differ between two texts, side by side."""

import difflib
import re
from dataclasses import dataclass
from typing import Literal

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 4_000
"""Of longer texts lines are compared: the time grows with the square."""

Change = Literal["same", "removed", "added"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of one side."""

    change: Change
    text: str


def side_by_side(then: str, now: str) -> tuple[list[Piece], list[Piece]]:
    """The pieces of both texts: those that are the same, those only `then` has, those only `now` has."""
    old, new = _parts(then), _parts(now)
    left, right = list[Piece](), list[Piece]()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        same = tag == "equal"
        if old_to > old_from:
            left.append(Piece(change="same" if same else "removed", text="".join(old[old_from:old_to])))
        if new_to > new_from:
            right.append(Piece(change="same" if same else "added", text="".join(new[new_from:new_to])))
    return left, right


def _parts(text: str) -> list[str]:
    words = _WORDS.findall(text)
    return words if len(words) <= _MOST_WORDS else text.splitlines(keepends=True)
