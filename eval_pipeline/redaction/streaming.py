"""Redacts a text that arrives in pieces: a secret whose pieces were redacted one by one would be passed on whole."""

from collections import deque
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
        self._pieces: deque[str] = deque()

    def add(self, piece: str) -> list[str]:
        """What may be passed on after this piece, in the pieces in which it came; may be nothing."""
        self._held += piece
        self._pieces.append(piece)
        if len(self._held) > _MOST_HELD:
            return self.finish()
        end = len(self._held) - _HELD
        whole = self._redact(self._held) if end > 0 else ""
        for _ in range(_CUTS):
            end = max(self._held.rfind(space, 0, max(end, 0)) for space in " \n\t")
            if end <= 0:
                return []
            first = self._redact(self._held[:end])
            # A secret that goes on after the cut looks otherwise in one piece.
            if first + self._redact(self._held[end:]) == whole:
                return self._passed_on(end, first)
        return []

    def finish(self) -> list[str]:
        """What is left."""
        return self._passed_on(len(self._held), self._redact(self._held)) if self._held else []

    def _passed_on(self, length: int, redacted: str) -> list[str]:
        """The first `length` characters of what is held: as they came, or in one piece where something is redacted."""
        raw, self._held = self._held[:length], self._held[length:]
        pieces: list[str] = []
        while length:
            piece = self._pieces.popleft()
            if len(piece) > length:
                self._pieces.appendleft(piece[length:])
                piece = piece[:length]
            length -= len(piece)
            pieces += [piece] if piece else []
        return pieces if redacted == raw else [redacted]
