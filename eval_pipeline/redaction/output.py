"""Redacts what Python code of this process prints on standard output and standard error."""

import contextlib
import io
import re
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from typing_extensions import override

from eval_pipeline.redaction.logs import displayable

_MOST_HELD = 64 * 1024
"""Characters that wait for the end of their line, or of their private key, at most."""
_LINE_END = re.compile(r"[\n\r](?!.*[\n\r])", re.DOTALL)
_OPEN_KEY = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?!.*-{4,5} ?END )", re.DOTALL)


class RedactedOutput(io.TextIOBase):
    """Writes whole lines to another stream, redacted: a secret that is written in pieces is seen as one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._held, self._lock = stream, "", threading.RLock()

    @override
    def write(self, text: str, /) -> int:
        """Write what is complete, and hold the rest."""
        with self._lock:
            self._held += text
            end = _LINE_END.search(self._held) if ("\n" in text or "\r" in text) else None
            if len(self._held) > _MOST_HELD:
                self._write(len(self._held))
            elif end is not None and _OPEN_KEY.search(self._held) is None:
                self._write(end.end())
        return len(text)

    @override
    def flush(self) -> None:
        """Flush what is complete; a line that is not goes on waiting."""
        self._stream.flush()

    def finish(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write(len(self._held))
            self._stream.flush()

    @override
    def writable(self) -> bool:
        """It is."""
        return True

    @override
    def isatty(self) -> bool:
        """Whether the other stream is a terminal."""
        return self._stream.isatty()

    @override
    def fileno(self) -> int:
        """That of the other stream: what is written there is not redacted."""
        return self._stream.fileno()

    @property
    @override
    def encoding(self) -> str:  # type: ignore[override]
        """That of the other stream."""
        return self._stream.encoding

    def _write(self, length: int) -> None:
        if length:
            # A bar of progress goes back to the beginning of its line.
            text = self._held[:length].replace("\r\n", "\n").replace("\r", "\n")
            self._stream.write(displayable(text))
            self._held = self._held[length:]


@contextlib.contextmanager
def redacted_output() -> Iterator[None]:
    """Redact what Python code prints; not what child processes and C code write."""
    out, err = RedactedOutput(sys.stdout), RedactedOutput(sys.stderr)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        out.finish()
        err.finish()
