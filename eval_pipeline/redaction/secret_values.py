"""The values of columns that hold secrets, which stay secrets wherever else they stand: in a document, or renamed."""

import base64
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.redaction.patterns import SECRET
from eval_pipeline.redaction.secret_names import is_of_words, names_secret

FOLLOWING = 1
"""Raised when other values are followed, or followed in another way."""
SHORTEST = 8
"""Characters of a value that is looked for within texts. A shorter one stands in many texts that do not mean it."""


@dataclass(kw_only=True)
class SecretValues:
    """Values that are known to be secrets.

    A value is looked for within texts as it is, in JSON, in a URL, and in base64, by itself or within what was encoded;
    in time linear in the text, however many values there are. Short values and words are secrets only where a column
    has nothing else (`are_all`).
    """

    _values: set[str] = field(default_factory=set)
    _by_start: dict[str, set[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, values: Iterable[str]) -> None:
        """Add values."""
        for value in {*values} - self._values:
            self._values.add(value)
            if len(value) >= SHORTEST and not is_of_words(value):
                for form in _forms(value):
                    self._by_start.setdefault(form[:SHORTEST], set()).add(form)

    def add_columns(self, table: pa.Table, *, secret: Iterable[str] = ()) -> None:
        """Add the texts of the columns of a table, and of the fields within columns, whose names are those of secrets.

        Args:
            table: as it was read.
            secret: the names of further columns that hold secrets.
        """
        for name in table.column_names:
            column = table.column(name)
            if name in secret or names_secret(name):
                self.add(text for cell in column.to_pylist() for text in _texts(cell))
            elif _may_hold_names(column.type):
                documents = column if pa.types.is_nested(column.type) else column.filter(_are_documents(column))
                self.add(text for cell in documents.to_pylist() for text in _named(cell))

    def are_all(self, column: pa.ChunkedArray) -> bool:
        """Whether a column of text has these values and no others."""
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return False
        texts = {text for text in column.unique().to_pylist() if text}
        return bool(texts) and texts <= self._values

    def redacted_table(self, table: pa.Table, *, keep: Container[str] = ()) -> pa.Table:
        """`table` without these values in its texts, also within lists and structs; columns in `keep` stay."""
        for index, column in enumerate(table.schema):
            searched = self._by_start and column.name not in keep and _has_text(column.type)
            cells = table.column(index).to_pylist() if searched else []
            redacted = [self._redacted(cell) for cell in cells]
            if redacted != cells:
                table = table.set_column(index, column, pa.chunked_array([pa.array(redacted, type=column.type)]))
        return table

    def text(self, text: str) -> str:
        """`text` without these values."""
        parts, position, kept = [], 0, 0
        starts = self._by_start
        while position <= len(text) - SHORTEST:
            forms = starts.get(text[position : position + SHORTEST])
            lengths = [len(form) for form in forms or () if text.startswith(form, position)]
            if not lengths:
                position += 1
                continue
            parts += [text[kept:position], SECRET]
            position = kept = position + max(lengths)
        return "".join([*parts, text[kept:]]) if parts else text

    def _redacted(self, cell: Any) -> Any:
        if isinstance(cell, str):
            return self.text(cell)
        if isinstance(cell, Mapping):
            return {key: self._redacted(item) for key, item in cell.items()}
        return [self._redacted(item) for item in cell] if isinstance(cell, list) else cell


def _forms(value: str) -> Iterator[str]:
    """A value, and how it is written where it is encoded."""
    yield from {value, *(json.dumps(value, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))}
    yield from {quote(value, safe=""), quote_plus(value)} - {value}
    data = value.encode(errors="surrogatepass")
    for before in range(3):
        # Of what is encoded in base64, three bytes make four characters: those that no neighbour has a part in.
        encoded = base64.b64encode(bytes(before) + data).decode()
        first, last = -(-8 * before // 6), (8 * (before + len(data))) // 6
        form = encoded[first:last]
        if len(form) >= SHORTEST:
            yield from {form, form.translate(_URL_SAFE)}


_URL_SAFE = str.maketrans("+/", "-_")


def _are_documents(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which texts may be JSON documents with names."""
    return pc.fill_null(pc.match_substring_regex(column, r"^\s*[{\[]"), fill_value=False)


def _named(value: Any) -> Iterator[str]:
    """The texts under names of secrets within a value; a text may be a JSON document."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            yield from _named(orjson.loads(value))
        except orjson.JSONDecodeError:
            return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item) if isinstance(key, str) and names_secret(key) else _named(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named(item)


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value that is secret as a whole."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _may_hold_names(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _has_text(kind: pa.DataType) -> bool:
    return _may_hold_names(kind) and not pa.types.is_map(kind)
