"""Which servers were said to be away, in all of this process: it is said once, and again only after they were back."""

import threading


class Away:
    """The servers it was said of; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def is_news(self, server: str) -> bool:
        """Whether it has not been said of `server`; from now on it has."""
        with self._lock:
            news = server not in self._said
            self._said.add(server)
            return news

    def is_back(self, server: str) -> None:
        """`server` answers."""
        with self._lock:
            self._said.discard(server)


AWAY = Away()
"""This process's."""
