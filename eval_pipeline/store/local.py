"""A store in a folder of this machine."""

import contextlib
import os
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from typing_extensions import override

from eval_pipeline.errors import TransientError
from eval_pipeline.store.parquet import read_parquet, rows_of_parquet
from eval_pipeline.store.store import Store, checked_key
from eval_pipeline.working_folder import in_working_folder


class LocalStore(Store):
    """A store whose objects are files. A write goes to a temporary file, is synced, and is then renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = in_working_folder(folder.expanduser()).resolve()

    @property
    @override
    def root(self) -> str:
        return str(self._folder)

    @override
    def put(self, key: str, data: bytes | memoryview) -> None:
        with self._written(key, data) as (temporary, final):
            temporary.replace(final)

    @override
    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._written(key, data) as (temporary, final):
            try:
                # Unlike a rename, a hard link fails if the name is taken.
                os.link(temporary, final)
            except FileExistsError:
                return False
            return True

    @override
    def get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreachable(key, error) from error

    @override
    def get_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        mapped = self._mapped(key)
        if mapped is None:
            return super().get_table(key, columns)
        with mapped:
            return read_parquet(mapped, columns, uri=self.uri(key))

    @override
    def get_rows(self, key: str, column: str, values: Collection[str]) -> pa.Table | None:
        mapped = self._mapped(key)
        if mapped is None:
            return super().get_rows(key, column, values)
        with mapped:
            return rows_of_parquet(mapped, column, values, uri=self.uri(key))

    @override
    def list(self, prefix: str) -> Iterator[str]:
        files = (path for path in self._path(prefix).rglob("*") if not path.name.startswith(".") and path.is_file())
        yield from sorted(file.relative_to(self._folder).as_posix() for file in files)

    @override
    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unreachable(key, error) from error
        # A folder that holds nothing any more goes, too; one that gets a file meanwhile stays.
        for folder in path.parents:
            if folder == self._folder or not folder.is_relative_to(self._folder):
                return
            try:
                folder.rmdir()
            except OSError:
                return

    def _mapped(self, key: str) -> pa.MemoryMappedFile | None:
        """A memory-mapped object, of which only the parts in use are read; None if it is missing or empty."""
        try:
            return pa.memory_map(str(self._path(key)))
        except (FileNotFoundError, pa.ArrowInvalid):  # the latter for empty files, which cannot be mapped
            return None
        except OSError as error:
            raise self._unreachable(key, error) from error

    def _path(self, key: str) -> Path:
        return self._folder / checked_key(key)

    @contextlib.contextmanager
    def _written(self, key: str, data: bytes | memoryview) -> Iterator[tuple[Path, Path]]:
        final = self._path(key)
        temporary: Path | None = None
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            # Not `tempfile`, whose files other users cannot read: workers of another user share the store.
            temporary = final.parent / f".{uuid.uuid4().hex}.part"
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary, final
            sync_folder(final.parent)
        except OSError as error:
            raise self._unreachable(key, error) from error
        finally:
            if temporary is not None:
                # On a disk that turned read-only it stays; the error that is being raised reports that.
                with contextlib.suppress(OSError):
                    temporary.unlink()

    def _unreachable(self, key: str, error: OSError) -> TransientError:
        return TransientError(
            f"{self.uri(key)}: {error.strerror or error}",
            fix="check that the folder exists, is writable, and has space",
        )


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut; syncing a file keeps its bytes only."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
