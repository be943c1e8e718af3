"""One owner of an experiment: the runs of one launch evaluate it, and another launch waits until they have ended.

The owner stands in the store, as numbered claims that are written if absent, so that of two launches on any hosts one
gets it. While it works, each of its runs changes a heartbeat object; a launch that finds another's claim watches these
for a while, by its own clock, and takes over with the next number if none changes, or at once if they have ended or
their processes are gone from this machine. The number is a fencing token: an owner that was taken over, such as a host
that was suspended, looks for a larger one before it writes a segment (at most every two seconds), and then stops.
"""

import os
import platform
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import EvalPipelineError, PermanentError
from eval_pipeline.pipeline.record_results import ResultWriter
from eval_pipeline.processes import is_alive
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.store.layout import owners_prefix
from eval_pipeline.store.store import Store

HEARTBEAT_SECONDS = 5.0
LOST_AFTER_SECONDS = 20.0
"""How long a heartbeat that does not change is watched until its owner counts as gone."""
CHECK_SECONDS = 2.0
"""How often a writer looks whether it still owns the experiment."""
_CLAIM, _BEAT, _ENDED = ".json", "/beat", "/ended"

_log = logger_of(__name__)


class Claim(BaseModel):
    """A claim on an experiment, as stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str
    """The launch: what its runs have in common, and no other launch has."""
    host: str
    process: int


@dataclass(kw_only=True)
class Ownership:
    """A run's part in the ownership of its experiment; as a context manager it keeps the heartbeat."""

    store: Store
    prefix: str
    number: int
    run_id: str

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._checked = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="ownership", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        try:
            self.store.put(f"{self._base}/{self.run_id}{_ENDED}", b"")
        except EvalPipelineError:
            _log.warning("the end of this run could not be written: a launch that resumes it waits for a moment")

    def check(self) -> None:
        """Check, every few seconds, that no other launch has taken over.

        Raises:
            PermanentError: one has.
        """
        if time.monotonic() - self._checked < CHECK_SECONDS:
            return
        self._checked = time.monotonic()
        if max(_numbers(list(self.store.list(self.prefix))), default=self.number) > self.number:
            raise PermanentError(
                "another launch has taken over this experiment, as this run gave no sign of life",
                fix="let it finish; its results and those that were written here before are kept",
            )

    @property
    def _base(self) -> str:
        return f"{self.prefix}{self.number:06d}"

    def _beat(self) -> None:
        while True:
            beat = f"{this_machine()} {os.getpid()} {uuid.uuid4().hex}"
            try:
                self.store.put(f"{self._base}/{self.run_id}{_BEAT}", beat.encode())
            except EvalPipelineError as error:
                _log.warning("the heartbeat of this run could not be written: %s", error)
            if self._stop.wait(HEARTBEAT_SECONDS):
                return


class OwnedWriter:
    """Writes results as another writer does, as long as the run owns its experiment."""

    def __init__(self, writer: ResultWriter, ownership: Ownership) -> None:
        self._writer, self._ownership = writer, ownership

    def keep(self, results: Sequence[CaseResult]) -> Sequence[CaseResult]:
        """As `ResultWriter.keep`. Raises `PermanentError` if another launch has taken over."""
        self._ownership.check()
        return self._writer.keep(results)

    def close(self) -> None:
        """As `ResultWriter.close`."""
        self._writer.close()


def own_experiment(store: Store, suite: str, experiment: str, *, owner: str, run_id: str) -> Ownership:
    """Claim an experiment for a launch, or join the launch that owns it.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        owner: the launch.
        run_id: the run of the launch.

    Raises:
        PermanentError: another launch is evaluating it.
        PermanentError: a claim cannot be read.
    """
    prefix = owners_prefix(suite, experiment)
    own = Claim(owner=owner, host=platform.node(), process=os.getpid())
    while True:
        number = max(_numbers(list(store.list(prefix))), default=0)
        claim = None if number == 0 else _read(store, f"{prefix}{number:06d}{_CLAIM}")
        if claim is not None and claim.owner == owner:
            return Ownership(store=store, prefix=prefix, number=number, run_id=run_id)
        if claim is not None and not _is_gone(store, prefix, number):
            raise PermanentError(
                f"another launch is evaluating {experiment}, on {claim.host} (process {claim.process})",
                fix="wait until it has ended, and resume then what it left",
            )
        if store.put_if_absent(f"{prefix}{number + 1:06d}{_CLAIM}", own.model_dump_json().encode()):
            return Ownership(store=store, prefix=prefix, number=number + 1, run_id=run_id)


def _is_gone(store: Store, prefix: str, number: int) -> bool:
    """Whether no run of an owner is at work; its heartbeats are watched by this process's clock."""
    before, began = _runs(store, prefix, number), time.monotonic()
    while time.monotonic() - began < LOST_AFTER_SECONDS:
        if before and not any(run.working for run in before.values()):
            return True
        time.sleep(min(1.0, LOST_AFTER_SECONDS / 10))
        now = _runs(store, prefix, number)
        if any(run.working and (name not in before or before[name].beat != run.beat) for name, run in now.items()):
            return False
        before = now
    return True


@dataclass(frozen=True, kw_only=True)
class _OwningRun:
    """A run of an owner, as the store shows it."""

    beat: bytes | None
    working: bool
    """Whether it may be at work: it has not ended, and is no process of this machine that is gone."""


def _runs(store: Store, prefix: str, number: int) -> dict[str, _OwningRun]:
    """The runs of an owner that ever wrote a heartbeat."""
    base = f"{prefix}{number:06d}/"
    names = {key.removeprefix(base) for key in store.list(prefix) if key.startswith(base)}
    runs = {}
    for name in (name.removesuffix(_BEAT) for name in names if name.endswith(_BEAT)):
        beat = store.get(f"{base}{name}{_BEAT}")
        host, _, rest = (beat or b"").decode(errors="replace").partition(" ")
        process = rest.partition(" ")[0]
        gone_here = host == this_machine() and process.isdigit() and not is_alive(int(process))
        runs[name] = _OwningRun(beat=beat, working=name + _ENDED not in names and not gone_here)
    return runs


def this_machine() -> str:
    """This machine, or this container: processes can be looked up within it only."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return f"{platform.node()}/{processes}".replace(" ", "-")


def _numbers(keys: Sequence[str]) -> list[int]:
    return [int(key.rpartition("/")[2][:6]) for key in keys if key.endswith(_CLAIM)]


def _read(store: Store, key: str) -> Claim:
    try:
        return Claim.model_validate_json(store.get(key) or b"")
    except ValidationError as error:
        raise PermanentError(
            f"{store.uri(key)} cannot be read as a claim on an experiment",
            fix="delete it if no run is evaluating the experiment",
        ) from error
