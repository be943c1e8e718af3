"""What an encoded text says: escapes of JSON and `repr`, URL encoding, HTML entities and terminal codes, decoded.

Each decoded view remembers where its characters come from, so that a secret found in it is replaced in the text itself.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_MOST_LEVELS = 6
"""How many encodings within each other are decoded. Backslashes, `%25` and `&amp;` of any depth count as one."""
_CODE = r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)|\x1b[ -/]*+[0-Z^-~]"
_ESCAPE = re.compile(
    rf"(?<!\\)\\++(?:u[0-9a-fA-F]{{4}}|U[0-9a-fA-F]{{8}}|x[0-9a-fA-F]{{2}}|0[0-7]{{2}}|[nrtbfave0])|{_CODE}"
)
_ENCODED = re.compile(
    r"(?<!\\)\\++(?:u(?P<json>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|x(?P<byte>[0-9a-fA-F]{2})"
    r"|(?P<octal>0[0-7]{2})|(?P<letter>[nrtbfave0\"'/]))"
    r"|%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
    r"|&(?:amp;)*(?:#(?P<decimal>[0-9]{1,6});|#[xX](?P<hex>[0-9a-fA-F]{1,5});|(?P<entity>amp|quot|apos|lt|gt|nbsp);)"
    rf"|(?P<code>{_CODE})"
)
_NUMBERS = {"json": 16, "long": 16, "byte": 16, "octal": 8, "percent": 16, "decimal": 10, "hex": 16}
_LETTERS = dict(zip("nrtbfave0", "\n\r\t\b\f\a\v\x1b\0", strict=True))
_ENTITIES = {"amp": "&", "quot": '"', "apos": "'", "lt": "<", "gt": ">", "nbsp": " "}

SIGNS = r"\\(?:[uUx/]|0[0-7]|e\[)|%[0-9A-Fa-f][0-9A-Fa-f]|&(?:#|amp;|quot;|apos;|lt;|gt;|nbsp;)"
"""For RE2 and Python: matches every JSON document in which something but white space and quotation marks is encoded;
patterns allow for these."""
_BYTE_SIGNS = re.compile(SIGNS.encode() + rb"|\xc2\x9b")


@dataclass(frozen=True, slots=True)
class View:
    """A text as it is, or decoded."""

    text: str
    _encoded: "View | None" = None
    _starts: list[int] = field(default_factory=list)
    """Where each piece starts in this view; a piece is a decoded character, or text that was not encoded."""
    _origins: list[int] = field(default_factory=list)
    """Where each piece starts in the encoded text."""
    _lengths: list[int] = field(default_factory=list)
    """The length of each decoded character in the encoded text; 0 for text that was not encoded."""

    @property
    def without_escapes(self) -> str:
        """This text with spaces for escapes and codes, whose letters belong to no word."""
        return _ESCAPE.sub(_spaces, self.text) if is_encoded(self.text) else self.text

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of this view stands in the original text."""
        if self._encoded is None:
            return start, end
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end - 1) - 1
        begins = self._origins[first] + (0 if self._lengths[first] else start - self._starts[first])
        ends = self._origins[last] + (self._lengths[last] or end - self._starts[last])
        return self._encoded.origin(begins, ends)

    def decoded(self) -> "View | None":
        """This view with one level of encodings decoded; None if it has none."""
        parts: list[str] = []
        decoded = View("", self)
        position = length = 0
        for match in _ENCODED.finditer(self.text):
            if match.start() > position:
                decoded._append(length, position, 0)
                parts.append(self.text[position : match.start()])
                length += match.start() - position
            character = _decoded(match)
            if character:
                decoded._append(length, match.start(), match.end() - match.start())
                parts.append(character)
                length += len(character)
            position = match.end()
        if not position:
            return None
        if position < len(self.text):
            decoded._append(length, position, 0)
            parts.append(self.text[position:])
        return View("".join(parts), self, decoded._starts, decoded._origins, decoded._lengths)

    def _append(self, start: int, origin: int, length: int) -> None:
        self._starts.append(start)
        self._origins.append(origin)
        self._lengths.append(length)


def views_of(text: str) -> Iterator[View]:
    """`text` itself, and what it is decoded, as often as something is encoded in it."""
    view: View | None = View(text)
    for _ in range(_MOST_LEVELS):
        if view is None or not view.text:
            return
        yield view
        view = view.decoded() if is_encoded(view.text) else None


def is_encoded(text: str) -> bool:
    """Whether something may be encoded in `text`."""
    return "\\" in text or "%" in text or "&" in text or "\x1b" in text or "\x9b" in text


def has_encoded_signs(data: bytes) -> bool:
    """Whether something but white space and quotation marks may be encoded in the texts of a JSON document."""
    return _BYTE_SIGNS.search(data) is not None


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _decoded(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind in _NUMBERS:
        number = int(match[kind], _NUMBERS[kind])
        return chr(number) if number <= 0x10FFFF else "?"  # noqa: PLR2004 - the last character of Unicode
    if kind == "letter":
        return _LETTERS.get(match[kind], match[kind])
    return _ENTITIES[match[kind]] if kind == "entity" else ""
