"""Which columns of a query hold secrets, by the names of the columns that they are computed from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from eval_pipeline.redaction.secret_names import names_secret

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"(?:[^"]|"")*"|`[^`]*`|\[[^\W\d][\w ]*\])'
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign>::|\|\||[][(){},.;*+<>=!/%-])",
    re.DOTALL,
)
_ENDS_ITEM = {"from", "where", "union", "intersect", "except", "group", "order", "limit", "having", "window", "qualify"}
_NO_NAMES = {
    *("as", "case", "when", "then", "else", "end", "is", "not", "null", "and", "or", "distinct", "all", "over"),
    *("in", "like", "ilike", "between", "partition", "by", "true", "false", "filter", "desc", "asc", "interval"),
}
_KEYWORDS = _ENDS_ITEM | _NO_NAMES | {"select"}


@dataclass(kw_only=True)
class _Item:
    """One expression of a select list."""

    columns: list[str] = field(default_factory=list)
    alias: str | None = None
    joined: bool = False
    """Whether it is more than one value, or not the value itself."""


def secret_columns(sql: str, *, joined: bool) -> set[str]:
    """The names, in lower case, of columns of a query that hold secrets under another name.

    `SELECT password AS word` has one, and so has whatever is selected of it afterwards. It goes by names and follows no
    schema: a column that a query passes on under its own name needs no lookup here.

    Args:
        sql: the query.
        joined: whether a column counts that joins a secret with others; if not, its values show what is secret in it.
    """
    aliases: set[str] = set()
    while True:
        secret = (item for item in _items(sql) if _is_secret(item, aliases, joined=joined))
        more = {item.alias.lower() for item in secret if item.alias is not None} - aliases
        if not more:
            return aliases
        aliases |= more


def _is_secret(item: _Item, aliases: set[str], *, joined: bool) -> bool:
    secret = [names_secret(name) or name.lower() in aliases for name in item.columns]
    return any(secret) if joined else bool(secret) and all(secret) and not item.joined


def _items(sql: str) -> Iterator[_Item]:
    """The expressions of all select lists of a query, with the columns that they name."""
    tokens = [match for match in _TOKEN.finditer(sql) if match.lastgroup is not None]
    texts = ["", *(match[0] for match in tokens), ""]
    frames: list[_Item | None] = [None]
    for index, match in enumerate(tokens):
        ended = None
        if match.lastgroup == "sign":
            ended = _read_sign(match[0], frames)
        elif match.lastgroup == "word" and match[0].lower() in _KEYWORDS:
            ended = _read_keyword(match[0].lower(), frames)
        elif match.lastgroup != "text":
            _read_name(match[0], frames, before=texts[index].lower(), after=texts[index + 2])
        if ended is not None:
            yield ended
    if frames[-1] is not None:
        yield frames[-1]


def _read_sign(sign: str, frames: list[_Item | None]) -> _Item | None:
    """Read a sign. Returns the item that ends with it, if one does."""
    ended = None
    if sign in "([{":
        frames.append(None)
    elif sign in ")]}" and len(frames) > 1:
        ended = frames.pop()
    elif sign == "," and frames[-1] is not None:
        ended, frames[-1] = frames[-1], _Item()
    elif sign in {"||", "+"}:
        _join(frames)
    return ended


def _read_keyword(keyword: str, frames: list[_Item | None]) -> _Item | None:
    ended = None
    if keyword in _ENDS_ITEM:
        ended, frames[-1] = frames[-1], None
    elif keyword == "select":
        frames[-1] = _Item()
    elif keyword == "case":
        _join(frames)
    return ended


def _join(frames: list[_Item | None]) -> None:
    for each in frames:
        if each is not None:
            each.joined = True


def _read_name(text: str, frames: list[_Item | None], *, before: str, after: str) -> None:
    """Read a name: of a column, or the alias of an item."""
    name, item = text.strip('"`[]'), frames[-1]
    if after in {"(", "."} or before == "::":  # a function, a table, a type
        return
    if before == "as" and item is None:  # the type of a cast
        return
    follows_value = before == ")" or before.strip('"`[]').isidentifier()
    if item is not None and item.columns and (before == "as" or (follows_value and before not in _NO_NAMES)):
        item.alias = name
        return
    for each in frames:
        if each is not None:
            each.columns.append(name)
