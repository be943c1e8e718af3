"""Find or start the recorder of a Dagster home, serve one as the process, and forward what it recorded.

No other module but tests imports `eval_pipeline.recorder`. Its parts that bring a web server with them are imported
when they are needed.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from eval_pipeline.errors import InputError, Problem, TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder import home as home_recorder
from eval_pipeline.recorder.home import HomeAddress, HomeOptions, leased
from eval_pipeline.recorder.store.database import stored_instance_id
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.serving.loopback import is_loopback, is_loopback_url
from eval_pipeline.settings import RECORDER_URL_VARIABLE, Destination, LangSmithSettings, cache_folder

if TYPE_CHECKING:
    from eval_pipeline.recorder.forward import ForwardReport

_log = logger_of(__name__)

DATABASE = home_recorder.DATABASE
_ANSWERS = frozenset({200, 401, 403, 429, 502, 503, 504})
"""Of a LangSmith server, also of one that refuses the key or cannot answer now."""
_START_TIMEOUT_S = 90.0


@dataclass(frozen=True, kw_only=True)
class LocalRecorder:
    """The recorder that a home uses."""

    url: str
    moved: str | None = None
    """Why it is not at the address that the settings or the home name; None if it is."""


@contextlib.contextmanager
def local_recorder(settings: LangSmithSettings, home: Path) -> Iterator[LocalRecorder | None]:
    """The recorder that `settings` send to, started if it does not run; None if it is not one of this machine.

    It is the home's own: processes of one home share one, in a process of its own that ends with the last of them. An
    address that the user set is used whatever recorder answers there, unless that is another home's. Within the block
    `EVAL_PIPELINE_RECORDER_URL` has its address, for child processes and all that reads settings.
    """
    destination = next((each for each in settings.destinations if each.name == "recorder"), None)
    if destination is None or not is_loopback_url(destination.api_url):
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            home.mkdir(parents=True, exist_ok=True)
            stack.enter_context(leased(home))
            recorder = _found_or_started(destination, settings, home)
        except (OSError, Timeout, TransientError) as error:
            # Traces are spooled meanwhile.
            _log.warning("the recorder of %s does not start: %s", home, error)
            yield None
            return
        stack.enter_context(_in_environment(recorder.url))
        yield recorder


def home_instance(home: Path) -> str | None:
    """The instance id of a home's recorder, which `/info` of that recorder says; None if none was ever started."""
    return stored_instance_id(home / DATABASE)


def serve_recorder(
    database: Path, *, host: str, port: int, token: str | None, started: Callable[[str], None], home: Path | None = None
) -> None:
    """Serve the recorder until interrupted. `started` is called with the URL once requests are answered.

    `home` is the Dagster home that the database belongs to: its runs use this recorder.

    Raises:
        InputError: `host` is not loopback and there is no token.
        PermanentError: The port is in use.
    """
    from eval_pipeline.recorder.server import serve  # noqa: PLC0415 - as above

    def announce(url: str) -> None:
        if home is not None and is_loopback(host):
            HomeAddress.listening(home, url, port=port or None)
        started(url)

    serve(host, port, database, token, started=announce)


def compact_recording(database: Path) -> tuple[int, int]:
    """Make a recorder's database smaller; its size in bytes before and after.

    Raises:
        InputError: there is no such file.
    """
    from eval_pipeline.recorder.store.compacting import compact  # noqa: PLC0415 - as below
    from eval_pipeline.recorder.store.database import Database  # noqa: PLC0415 - as below

    if not database.exists():
        raise InputError(Problem(message=f"there is no database {database}", fix="name one with --db", field="--db"))
    before = database.stat().st_size
    with contextlib.closing(Database(database)) as opened:
        compact(opened)
    return before, database.stat().st_size


def back_up_recording(database: Path, target: Path) -> None:
    """Copy a recorder's database, also while it is served, as it is at one moment.

    Raises:
        InputError: there is no database, or there is a file at `target`.
    """
    from eval_pipeline.recorder.store.compacting import back_up  # noqa: PLC0415 - as below

    back_up(database, target)


def forward_recording(database: Path, settings: LangSmithSettings) -> "ForwardReport":
    """Forward the recording in `database` to the LangSmith server of `settings`.

    Raises:
        RecorderError: The server does not answer, or refuses a dataset or project.
    """
    from eval_pipeline.recorder.core import Recorder  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.endpoint import Endpoint  # noqa: PLC0415 - as above
    from eval_pipeline.recorder.forward import forward  # noqa: PLC0415 - as above

    headers = {"x-api-key": settings.api_key.get_secret_value() if settings.api_key else ""}
    if settings.workspace_id:
        headers["x-tenant-id"] = settings.workspace_id
    with contextlib.closing(Recorder(database)) as recorder, Endpoint(settings.api_url, headers) as endpoint:
        return forward(recorder, endpoint)


def _found_or_started(destination: Destination, settings: LangSmithSettings, home: Path) -> LocalRecorder:
    chosen = destination.api_url if "recorder_url" in settings.model_fields_set else None
    # Processes that begin at the same time start one recorder.
    with FileLock(home / "recorder.starting", timeout=_START_TIMEOUT_S):
        moved = None
        if chosen is not None:
            info = _info(destination, settings)
            if info is not None and not _of_another_home(info, home):
                return LocalRecorder(url=chosen)
            if info is not None:
                moved = f"{chosen} is the recorder of another Dagster home"
        address = HomeAddress.read(home)
        if address is not None and _is_own(address.url, destination, settings, home):
            return LocalRecorder(url=address.url, moved=moved or _why_moved(address.url, chosen, address))
        url = _started(home, settings, port=None if chosen is None or moved else urlsplit(chosen).port)
        return LocalRecorder(url=url, moved=moved or _why_moved(url, chosen, address))


def _why_moved(url: str, chosen: str | None, address: HomeAddress | None) -> str | None:
    """Why the recorder is not where it was expected."""
    expected = chosen or (None if address is None else f"http://127.0.0.1:{address.port}")
    if expected is None or urlsplit(expected).port == urlsplit(url).port:
        return None
    return f"cannot listen on {urlsplit(expected).netloc}: the port is in use"


def _info(destination: Destination, settings: LangSmithSettings) -> dict[str, Any] | None:
    """What answers at a destination says of itself: nothing if it refuses the key. None if nothing answers."""
    with Connection(destination, settings, insists=True) as connection:
        response = connection.request("GET", "/info")
        if response.status not in _ANSWERS:
            return None
        # One that refuses the key is running; the run reports the refusal.
        try:
            said = response.json() if response.ok else {}
        except ValueError:
            return None
        return said if isinstance(said, dict) else None


def _of_another_home(info: dict[str, Any], home: Path) -> bool:
    whose = info.get("recorder") or {}
    return bool(whose.get("of_home")) and whose.get("instance_id") != home_instance(home)


def _is_own(url: str, destination: Destination, settings: LangSmithSettings, home: Path) -> bool:
    info = _info(destination.model_copy(update={"api_url": url, "web_url": url}), settings)
    instance = home_instance(home)
    return info is not None and instance is not None and (info.get("recorder") or {}).get("instance_id") == instance


def _started(home: Path, settings: LangSmithSettings, *, port: int | None) -> str:
    """Start the recorder of a home in a process of its own, and return its URL once it answers."""
    token = settings.recorder_token
    options = HomeOptions(
        home=str(home.resolve()),
        claims=str(cache_folder() / "recorder_ports"),
        port=port,
        token=None if token is None else token.get_secret_value(),
    )
    with (home / "recorder.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "eval_pipeline.recorder.home"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Ctrl-C is for the run. Other runs may use the recorder still.
            start_new_session=True,
        )
    # It may end before this process, or after it.
    threading.Thread(target=process.wait, name="recorder", daemon=True).start()
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(asdict(options)).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], _START_TIMEOUT_S)
        url = process.stdout.readline().decode().strip() if ready else ""
    if not url:
        process.kill()
        raise TransientError("its process ended, or did not answer in time", fix=f"see {home / 'recorder.log'}")
    return url


@contextlib.contextmanager
def _in_environment(url: str) -> Iterator[None]:
    before = os.environ.get(RECORDER_URL_VARIABLE)
    os.environ[RECORDER_URL_VARIABLE] = url
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(RECORDER_URL_VARIABLE, None)
        else:
            os.environ[RECORDER_URL_VARIABLE] = before
