"""Redact Arrow tables. RE2 searches whole columns for signs; only cells with one are redacted in Python."""

from collections.abc import Callable, Container
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.redaction.redactor import Redactor, without_texts
from eval_pipeline.redaction.secret_names import names_secret
from eval_pipeline.redaction.signs import PHONE_SIGNS, TEXT_SIGNS


def redacted_table(
    table: pa.Table, redactor: Redactor, *, keep: Container[str] = (), secret: Container[str] = ()
) -> pa.Table:
    """`table` with its text redacted, also in lists, structs, dictionaries and bytes; the schema stays.

    Args:
        table: any table.
        redactor: decides what is redacted.
        keep: names of columns that stay as they are.
        secret: names of columns that hold secrets, besides those that `names_secret` recognizes.
    """
    if not redactor.enabled:
        return table
    for index, field in enumerate(table.schema):
        if field.name not in keep and _has_text(field.type):
            chunks = [
                _each(chunk, without_texts) if field.name in secret else _redacted(chunk, redactor, name=field.name)
                for chunk in table.column(index).chunks
            ]
            table = table.set_column(index, field, pa.chunked_array(chunks, type=field.type))
    return table


def changed_columns(before: pa.Table, after: pa.Table) -> list[str]:
    """The names of the columns that differ."""
    return [
        field.name for index, field in enumerate(before.schema) if not before.column(index).equals(after.column(index))
    ]


def _redacted(array: pa.Array, redactor: Redactor, *, name: str = "") -> pa.Array:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _redacted(array.storage, redactor, name=name))
    if pa.types.is_dictionary(kind):
        values = _redacted(array.dictionary, redactor, name=name)
        return pa.DictionaryArray.from_arrays(array.indices, values, ordered=kind.ordered)
    if names_secret(name):
        return _each(array, without_texts)
    return _strings(array, redactor) if _is_string(kind) else _not_strings(array, redactor)


def _not_strings(array: pa.Array, redactor: Redactor) -> pa.Array:
    kind = array.type
    if _is_binary(kind):
        return _each(array, lambda cell: _bytes(cell, redactor))
    if _names_secrets(kind) or any(_signs(leaf, redactor).true_count for leaf in _leaves(array)):
        return _each(array, redactor.value)
    return array


def _strings(array: pa.Array, redactor: Redactor) -> pa.Array:
    signs = _signs(array, redactor)
    if not signs.true_count:
        return array
    texts = array.filter(signs).to_pylist()
    redacted = {text: redactor.cell(text) for text in set(texts)}
    return pc.replace_with_mask(array, signs, pa.array([redacted[text] for text in texts], type=array.type))


def _signs(array: pa.Array, redactor: Redactor) -> pa.BooleanArray:
    """Which texts have signs; null where there is no text."""
    if redactor.custom:
        # The user's expressions are Python's, not RE2's.
        return pc.is_valid(array)
    signs = f"{TEXT_SIGNS}|{PHONE_SIGNS}" if redactor.phone_numbers else TEXT_SIGNS
    return pc.fill_null(pc.match_substring_regex(array, signs), fill_value=False)


def _leaves(array: pa.Array) -> list[pa.Array]:
    """The arrays of text within a nested one."""
    kind = array.type
    if _is_string(kind):
        return [array]
    if pa.types.is_struct(kind):
        return [leaf for field in array.flatten() for leaf in _leaves(field)]
    if pa.types.is_map(kind):
        return [*_leaves(array.keys), *_leaves(array.items)]
    if pa.types.is_dictionary(kind):
        return _leaves(array.dictionary)
    return _leaves(array.flatten()) if _is_list(kind) else []


def _each(array: pa.Array, change: Callable[[Any], Any]) -> pa.Array:
    return pa.array([None if cell is None else change(cell) for cell in array.to_pylist()], type=array.type)


def _bytes(cell: bytes, redactor: Redactor) -> bytes:
    try:
        text = cell.decode()
    except UnicodeDecodeError:
        return cell
    return redactor.cell(text).encode()


def _has_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _has_text(kind.storage_type)
    if pa.types.is_dictionary(kind) or _is_list(kind):
        return _has_text(kind.value_type)
    if pa.types.is_map(kind):
        return _has_text(kind.key_type) or _has_text(kind.item_type)
    if pa.types.is_struct(kind):
        return any(_has_text(kind.field(index).type) for index in range(kind.num_fields))
    return _is_string(kind) or _is_binary(kind)


def _names_secrets(kind: pa.DataType) -> bool:
    """Whether a field of a struct in it names a secret, or a key of a map may."""
    if pa.types.is_map(kind):
        return True
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return any(names_secret(field.name) or _names_secrets(field.type) for field in fields)
    return _is_list(kind) and _names_secrets(kind.value_type)


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
