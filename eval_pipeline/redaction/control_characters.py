"""Control characters in texts of others, which a terminal would obey: escape sequences, titles, right-to-left."""

import re

_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\r(?!\n)"
    "|[\U000e0000-\U000e007f]"
)


def without_control_characters(text: str) -> str:
    r"""`text` with control characters written as escapes (`\u001b`), but for tabs and ends of lines.

    So are characters that change the direction of text. In JSON, they mean the same.
    """
    return text if text.isprintable() else _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _utf16(ord(match[0])))


def _utf16(character: int) -> tuple[int, ...]:
    if character < 0x10000:  # noqa: PLR2004 - characters above are two units
        return (character,)
    return 0xD800 + ((character - 0x10000) >> 10), 0xDC00 + ((character - 0x10000) & 0x3FF)
