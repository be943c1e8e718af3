"""Read text files: UTF-8, or UTF-16 with a byte order mark, as spreadsheets export it."""

import codecs
from pathlib import Path

from eval_pipeline.errors import InputError, Problem

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNREADABLE = "make it a readable UTF-8 file"


def read_text(file: Path) -> str:
    """The text of `file`, without a byte order mark.

    Raises:
        InputError: the file does not exist, cannot be read, or is in another encoding.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        fix = "create it, or correct the path"
        raise InputError(Problem(message="the file does not exist", fix=fix, file=file)) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise InputError(Problem(message=message, fix=_UNREADABLE, file=file)) from error
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"cannot be read: not UTF-8: {error.reason}"
        fix = f"{_UNREADABLE} (save it with this encoding)"
        raise InputError(Problem(message=message, fix=fix, file=file, line=line)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        message = "cannot be read: it has NUL characters, as UTF-16 without a byte order mark does"
        raise InputError(Problem(message=message, fix=_UNREADABLE, file=file, line=line))
    return text
