"""Read text files: UTF-8, or UTF-16 with a byte order mark, as spreadsheets export it."""

import codecs
from collections.abc import Iterator
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
    except OSError as error:
        raise _unreadable(file, error) from error
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error, line=data.count(b"\n", 0, error.start) + 1) from error
    if "\0" in text:
        raise _has_nul(file, line=text.count("\n", 0, text.index("\0")) + 1)
    return text


def read_lines(file: Path) -> Iterator[str]:
    """The lines of `file`, as `read_text` reads it, one in memory at a time.

    Raises:
        InputError: as `read_text`.
    """
    number = 0
    try:
        with file.open("rb") as start:
            encoding = "utf-16" if start.read(2) in _UTF16_MARKS else "utf-8-sig"
        with file.open(encoding=encoding) as lines:
            for number, line in enumerate(lines, start=1):
                if "\0" in line:
                    raise _has_nul(file, line=number)
                yield line
    except OSError as error:
        raise _unreadable(file, error) from error
    except UnicodeDecodeError:
        read_text(file)  # which names the line
        raise


def _unreadable(file: Path, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        fix = "create it, or correct the path"
        return InputError(Problem(message="the file does not exist", fix=fix, file=file))
    message = f"cannot be read: {error.strerror or error}"
    return InputError(Problem(message=message, fix=_UNREADABLE, file=file))


def _not_utf8(file: Path, error: UnicodeDecodeError, *, line: int) -> InputError:
    message = f"cannot be read: not UTF-8: {error.reason}"
    fix = f"{_UNREADABLE} (save it with this encoding)"
    return InputError(Problem(message=message, fix=fix, file=file, line=line))


def _has_nul(file: Path, *, line: int) -> InputError:
    message = "cannot be read: it has NUL characters, as UTF-16 without a byte order mark does"
    return InputError(Problem(message=message, fix=_UNREADABLE, file=file, line=line))
