"""An object of S3 as a file that is read in parts."""

import io
from collections.abc import Callable

from typing_extensions import override

TAIL_BYTES = 2**20
"""The bytes read first, from the end: all of a small object, the metadata of a large one."""


class ReadInParts(io.RawIOBase):
    """A file that reads each part outside its tail with one request."""

    def __init__(self, read: Callable[[int, int], bytes], *, size: int, tail: bytes) -> None:
        """Create the file; sends no request.

        Args:
            read: returns the bytes from one offset up to another.
            size: the size of the object in bytes.
            tail: its last bytes.
        """
        self._read, self._size, self._tail = read, size, tail
        self._place = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._place

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    @override
    def read(self, size: int | None = -1) -> bytes:
        start = self._place
        end = self._size if size is None or size < 0 else min(self._size, start + size)
        if start >= end:
            return b""
        begin = self._size - len(self._tail)
        data = self._tail[start - begin : end - begin] if start >= begin else self._read(start, end)
        self._place = start + len(data)
        return data
