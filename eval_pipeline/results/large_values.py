"""Large JSON values of an experiment's rows, stored beside the result log: `values/<hash>`.

A row holds the name of such a value in its place, so that readers of rows do not read what they do not show.
"""

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.content_hash import content_hash
from eval_pipeline.store.layout import value_key
from eval_pipeline.store.store import Store

LARGEST_INLINE = 64 * 1024
"""Characters of JSON that stand in the row itself."""
_NAME = "value:"
"""How the name of a value begins; JSON does not begin so."""


class LargeValues:
    """The values of one experiment."""

    def __init__(self, store: Store, suite: str, experiment: str) -> None:
        self._store, self._suite, self._experiment = store, suite, experiment
        self._written: set[str] = set()

    def put(self, text: str | None) -> str | None:
        """What a row holds for a JSON text: itself, or the name of the stored value, which is durable by then."""
        if text is None or len(text) <= LARGEST_INLINE:
            return text
        digest = content_hash(text)
        if digest not in self._written:
            self._store.put_if_absent(self._key(digest), text.encode())
            self._written.add(digest)
        return f"{_NAME}{digest}"

    def get(self, held: str) -> str:
        """The JSON text that a row's column stands for.

        Raises:
            CorruptDataError: the value is missing.
        """
        if not is_name(held):
            return held
        key = self._key(held.removeprefix(_NAME))
        data = self._store.get(key)
        if data is None:
            raise CorruptDataError(f"{self._store.uri(key)} is missing", fix="evaluate the experiment's cases again")
        return data.decode()

    def uri(self, held: str) -> str:
        """Where the value of a name is, for users."""
        return self._store.uri(self._key(held.removeprefix(_NAME)))

    def _key(self, digest: str) -> str:
        return value_key(self._suite, self._experiment, digest)


def is_name(held: str) -> bool:
    """Whether a column holds the name of a stored value, and not JSON itself."""
    return held.startswith(_NAME)
