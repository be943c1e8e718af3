"""The recorder of a Dagster home, in a process of its own that ends with the last process that uses it.

`python -m eval_pipeline.recorder.home` reads a `HomeOptions` from standard input, prints the URL once it answers, and
serves until no process holds the lease of the home (`leased`). The operating system releases a lease when its process
ends, however it ends, so that no recorder is left behind and none ends too early.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval_pipeline.errors import InfrastructureError, TransientError

if TYPE_CHECKING:
    import socket

DATABASE = "recorder.sqlite"
"""Name of the recorder's database in the Dagster home."""
USUAL_PORT = 1984
_ADDRESS, _LEASE = "recorder.json", "recorder.lease"
_PORTS = range(USUAL_PORT, USUAL_PORT + 100)
_POLL_S = 0.3
_LEASE_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class HomeAddress:
    """The address of a home's recorder, kept in the home."""

    port: int
    """Of all links that are stored: the recorder listens here whenever it can."""
    url: str
    """Where it listens, or did last."""

    @classmethod
    def read(cls, home: Path) -> "HomeAddress | None":
        """The address that the home keeps; None if it has none yet."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return cls(**json.loads((home / _ADDRESS).read_bytes()))
        return None

    @classmethod
    def listening(cls, home: Path, url: str, *, port: int | None = None) -> None:
        """Keep where the recorder listens now, and `port` as that of the home, which by default stays as it is."""
        kept = cls.read(home)
        port = port or (int(url.rpartition(":")[2]) if kept is None else kept.port)
        temporary = home / f"{_ADDRESS}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(cls(port=port, url=url))), encoding="utf-8")
        temporary.replace(home / _ADDRESS)


@dataclass(frozen=True, kw_only=True)
class HomeOptions:
    """The options of the process, as JSON on its standard input."""

    home: str
    claims: str
    """A folder of this user in which homes claim ports, so that two homes never keep the same one."""
    port: int | None
    """The port to try first, which the user asked for."""
    token: str | None


@contextlib.contextmanager
def leased(home: Path) -> Iterator[None]:
    """Keep the recorder of a home, if it runs or is started, from ending within the block.

    Raises:
        TransientError: A recorder that is ending does not end.
    """
    descriptor = os.open(home / _LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _LEASE_TIMEOUT_S
        while not _locked(descriptor, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                raise TransientError(f"the recorder of {home} does not end", fix="end its process, and try again")
            time.sleep(_POLL_S / 3)
        yield
    finally:
        os.close(descriptor)


def main() -> None:
    """Serve the recorder of a home until it is no longer used."""
    options = HomeOptions(**json.loads(sys.stdin.readline()))
    home = Path(options.home)
    from eval_pipeline.recorder.config import RecorderConfig  # noqa: PLC0415 - constants above need no web server
    from eval_pipeline.recorder.core import Recorder  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.server import app_server  # noqa: PLC0415 - as above

    listener = _listener(options)
    with contextlib.closing(Recorder(home / DATABASE, RecorderConfig(token=options.token, of_home=True))) as recorder:
        server = app_server(recorder, listener)
        with server:
            HomeAddress.listening(home, server.url)
            sys.stdout.write(server.url + "\n")
            sys.stdout.flush()
            # The process that started this one reads no further, and may end.
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
            descriptor = os.open(home / _LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # Held until this process has ended: a new user of the home waits for that, and starts another one.
            while not _locked(descriptor, fcntl.LOCK_EX):
                time.sleep(_POLL_S)


def _listener(options: HomeOptions) -> "socket.socket":
    """Listen on the port that the user asked for, or the home's own, or a free one."""
    from eval_pipeline.serving.server import listen  # noqa: PLC0415 - as above

    address = HomeAddress.read(Path(options.home))
    for port in (options.port, None if address is None else address.port):
        if port:
            with contextlib.suppress(InfrastructureError):
                return listen("127.0.0.1", port)
    for port in _PORTS if address is None and not options.port else ():
        if _claim(Path(options.claims) / str(port), options.home):
            with contextlib.suppress(InfrastructureError):
                return listen("127.0.0.1", port)
            (Path(options.claims) / str(port)).unlink(missing_ok=True)
    return listen("127.0.0.1", 0)


def _claim(claim: Path, home: str) -> bool:
    """Claim a port for a home; False if another home has claimed it, and still exists."""
    with contextlib.suppress(OSError):
        claim.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), claim.open("x", encoding="utf-8") as file:
            file.write(home)
            return True
        owner = claim.read_text(encoding="utf-8")
        if owner and not (Path(owner) / DATABASE).exists():
            claim.write_text(home, encoding="utf-8")
            return True
        return owner == home
    return False


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    main()
