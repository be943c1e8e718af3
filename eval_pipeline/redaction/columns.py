"""Taking personal data and secrets out of Arrow tables.

Only cells that show a sign of something are looked at in Python; RE2 finds them in whole columns at once.
"""

from collections.abc import Callable, Container
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from eval_pipeline.redaction.patterns import PHONE_SIGNS, SIGNS, names_secret
from eval_pipeline.redaction.redactor import Redactor, without_texts


def redacted_table(table: pa.Table, redactor: Redactor, *, keep: Container[str] = ()) -> pa.Table:
    """`table` with its text redacted, also inside of lists, structs, dictionaries and bytes; the schema stays.

    Args:
        table: any.
        redactor: what is taken out.
        keep: names of columns that are left as they are.
    """
    if not redactor.enabled:
        return table
    for index, field in enumerate(table.schema):
        if field.name not in keep and _has_text(field.type):
            chunks = [_redacted(chunk, redactor, name=field.name) for chunk in table.column(index).chunks]
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
        found = _redacted(array.storage, redactor, name=name)
        return pa.ExtensionArray.from_storage(kind, found)
    if pa.types.is_dictionary(kind):
        found = _redacted(array.dictionary, redactor, name=name)
        return pa.DictionaryArray.from_arrays(array.indices, found, ordered=kind.ordered)
    if names_secret(name):
        return _each(array, without_texts)
    if _is_string(kind):
        return _strings(array, redactor)
    return _others(array, redactor)


def _others(array: pa.Array, redactor: Redactor) -> pa.Array:
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
    seen: dict[str, str] = {}
    found = []
    for text in array.filter(signs).to_pylist():
        if text not in seen:
            seen[text] = redactor.cell(text)
        found.append(seen[text])
    return pc.replace_with_mask(array, signs, pa.array(found, type=array.type))


def _signs(array: pa.Array, redactor: Redactor) -> pa.BooleanArray:
    """Which texts may hold something; null where there is no text."""
    if redactor.own:
        # Python's regular expressions are not RE2's.
        return pc.is_valid(array)
    signs = f"{SIGNS}|{PHONE_SIGNS}" if redactor.phone_numbers else SIGNS
    return pc.fill_null(pc.match_substring_regex(array, signs), fill_value=False)


def _leaves(array: pa.Array) -> list[pa.Array]:
    """The arrays of text that a nested one is made of."""
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
    """Whether a key of a struct in it says that a secret stands under it; keys of maps are data, and may."""
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
