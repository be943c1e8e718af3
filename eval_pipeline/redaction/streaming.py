"""Redacts a text that arrives in pieces: a secret whose pieces were redacted one by one would be passed on whole."""

from collections.abc import Callable

_HELD = 64
"""Characters that wait at least: longer than any secret with white space in it, such as the number of an account."""
_MOST_HELD = 64 * 1024
_CUTS = 4
"""How many places are tried at which the text might be cut."""


class StreamRedactor:
    """Takes pieces of a text and gives what of it may be passed on, redacted."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact, self._held = redact, ""

    def add(self, piece: str) -> str:
        """What may be passed on after this piece; may be empty."""
        self._held += piece
        if len(self._held) > _MOST_HELD:
            return self.finish()
        end = len(self._held) - _HELD
        whole = self._redact(self._held) if end > 0 else ""
        for _ in range(_CUTS):
            end = max(self._held.rfind(space, 0, max(end, 0)) for space in " \n\t")
            if end <= 0:
                return ""
            first = self._redact(self._held[:end])
            # A secret that goes on after the cut looks otherwise in one piece.
            if first + self._redact(self._held[end:]) == whole:
                self._held = self._held[end:]
                return first
        return ""

    def finish(self) -> str:
        """What is left."""
        left, self._held = self._redact(self._held), ""
        return left
