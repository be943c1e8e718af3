"""Claims on cases: one run at a time evaluates a case of an experiment, on whichever host.

Claims stand in the store, numbered and written if absent, so that all runs see them in one order. While it works, a run
changes a heartbeat object beside its claim. A run that finds a claim on one of its cases watches the heartbeat for a
while, by its own clock. It is refused if the heartbeat changes. It takes over if none does, or at once if the other run
has ended or its process is gone from this machine. Taking over ends the result log of the other claim (`end_log`), so
that a run that only gave no sign of life, such as one of a suspended host, writes no more rows.
"""

import os
import platform
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import EvalPipelineError, PermanentError
from eval_pipeline.processes import is_alive
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.results.result_log import ResultLog, end_log
from eval_pipeline.store.layout import claims_prefix
from eval_pipeline.store.store import Store

HEARTBEAT_SECONDS = 5.0
LOST_AFTER_SECONDS = 20.0
"""How long a heartbeat that does not change is watched until its run counts as gone."""
_CLAIM, _BEAT, _ENDED = ".json", "/beat", "/ended"

_log = logger_of(__name__)


class StoredClaim(BaseModel):
    """A claim, as stored. Versions before claimed whole experiments, for all runs of a launch."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str
    process: int
    run_id: str | None = None
    """None in claims of versions before."""
    cases: frozenset[str] | None = None
    """None in claims of versions before: all of them."""

    def is_on(self, cases: Collection[str]) -> bool:
        """Whether it is on one of these cases."""
        return self.cases is None or not self.cases.isdisjoint(cases)


@dataclass(kw_only=True)
class CaseClaim:
    """A run's claim on its cases; as a context manager it keeps the heartbeat."""

    store: Store
    suite: str
    experiment: str
    number: int
    run_id: str

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="claim", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        try:
            _end(self.store, self._prefix, self.number, self.run_id)
        except EvalPipelineError:
            _log.warning("the end of this run could not be written: a run that resumes it waits for a moment")

    def log(self, *, order: int) -> ResultLog:
        """Where the run appends its results: under a name of the claim's own, from its first segment on.

        A run that was taken over before it wrote anything finds that name taken.

        Args:
            order: as that of `ResultLog`.
        """
        writer = _writer(self.run_id, self.number)
        return ResultLog(self.store, suite=self.suite, experiment=self.experiment, writer=writer, first=0, order=order)

    @property
    def _prefix(self) -> str:
        return claims_prefix(self.suite, self.experiment)

    def _beat(self) -> None:
        while True:
            beat = f"{this_machine()} {os.getpid()} {uuid.uuid4().hex}"
            try:
                self.store.put(f"{self._prefix}{self.number:06d}/{self.run_id}{_BEAT}", beat.encode())
            except EvalPipelineError as error:
                _log.warning("the heartbeat of this run could not be written: %s", error)
            if self._stop.wait(HEARTBEAT_SECONDS):
                return


def claim_cases(store: Store, suite: str, experiment: str, *, run_id: str, cases: Iterable[str]) -> CaseClaim:
    """Claim cases of an experiment for a run, before it reads what is left of them.

    Args:
        store: where the experiment is.
        suite: its suite.
        experiment: its name.
        run_id: of the run. A run whose process was killed may claim again in another process.
        cases: their ids.

    Raises:
        PermanentError: another run is evaluating one of them.
        PermanentError: a claim cannot be read.
    """
    prefix = claims_prefix(suite, experiment)
    own = StoredClaim(host=platform.node(), process=os.getpid(), run_id=run_id, cases=frozenset(cases))
    gone: dict[int, StoredClaim] = {}
    while True:
        keys = list(store.list(prefix))
        claims = {number: _read(store, f"{prefix}{number:06d}{_CLAIM}") for number in _open_claims(keys)}
        others = {number: claim for number, claim in claims.items() if claim.is_on(own.cases or ())}
        _watch(store, prefix, {number: claim for number, claim in others.items() if number not in gone}, experiment)
        gone.update(others)
        number = 1 + max(_numbers(keys), default=0)
        if store.put_if_absent(f"{prefix}{number:06d}{_CLAIM}", own.model_dump_json().encode()):
            break
    for lost, claim in gone.items():
        if claim.run_id is not None:
            end_log(store, suite, experiment, _writer(claim.run_id, lost))
        _end(store, prefix, lost, claim.run_id or "none")
    return CaseClaim(store=store, suite=suite, experiment=experiment, number=number, run_id=run_id)


def _watch(store: Store, prefix: str, claims: dict[int, StoredClaim], experiment: str) -> None:
    """Watch the heartbeats of claims until their runs count as gone.

    Raises:
        PermanentError: one of them works.
    """
    began, before = time.monotonic(), {number: _runs(store, prefix, number) for number in claims}
    while any(map(_may_work, before.values())) and time.monotonic() - began < LOST_AFTER_SECONDS:
        time.sleep(min(1.0, LOST_AFTER_SECONDS / 10))
        for number, runs in before.items():
            now = _runs(store, prefix, number)
            if any(run.working and (name not in runs or runs[name].beat != run.beat) for name, run in now.items()):
                raise PermanentError(
                    f"another run is evaluating cases of {experiment}, on {claims[number].host} "
                    f"(process {claims[number].process})",
                    fix="wait until it has ended, and resume then what it left",
                )
            before[number] = now


@dataclass(frozen=True, kw_only=True)
class _ClaimingRun:
    """A run under a claim, as the store shows it."""

    beat: bytes | None
    working: bool
    """Whether it may be at work: it has not ended, and is no process of this machine that is gone."""


def _may_work(runs: dict[str, _ClaimingRun]) -> bool:
    """Whether a run may be at work under a claim; one that has just claimed has no heartbeat yet."""
    return not runs or any(run.working for run in runs.values())


def _runs(store: Store, prefix: str, number: int) -> dict[str, _ClaimingRun]:
    """The runs under a claim that ever wrote a heartbeat."""
    base = f"{prefix}{number:06d}/"
    names = {key.removeprefix(base) for key in store.list(base)}
    runs = {}
    for name in (name.removesuffix(_BEAT) for name in names if name.endswith(_BEAT)):
        beat = store.get(f"{base}{name}{_BEAT}")
        host, _, rest = (beat or b"").decode(errors="replace").partition(" ")
        process = rest.partition(" ")[0]
        gone_here = host == this_machine() and process.isdigit() and not is_alive(int(process))
        runs[name] = _ClaimingRun(beat=beat, working=name + _ENDED not in names and not gone_here)
    return runs


def this_machine() -> str:
    """This machine, or this container: processes can be looked up within it only."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return f"{platform.node()}/{processes}".replace(" ", "-")


def _writer(run_id: str, number: int) -> str:
    return f"{run_id}.{number:06d}"


def _end(store: Store, prefix: str, number: int, run_id: str) -> None:
    store.put(f"{prefix}{number:06d}/{run_id}{_ENDED}", b"")


def _numbers(keys: Sequence[str]) -> list[int]:
    return [int(key.rpartition("/")[2][:6]) for key in keys if key.endswith(_CLAIM)]


def _open_claims(keys: Sequence[str]) -> list[int]:
    """The claims under which not every run has ended."""
    runs = {suffix: {key.removesuffix(suffix) for key in keys if key.endswith(suffix)} for suffix in (_BEAT, _ENDED)}
    ended = {run.rpartition("/")[0].rpartition("/")[2] for run in runs[_ENDED]}
    at_work = {run.rpartition("/")[0].rpartition("/")[2] for run in runs[_BEAT] - runs[_ENDED]}
    return [number for number in _numbers(keys) if f"{number:06d}" in at_work or f"{number:06d}" not in ended]


def _read(store: Store, key: str) -> StoredClaim:
    try:
        return StoredClaim.model_validate_json(store.get(key) or b"")
    except ValidationError as error:
        raise PermanentError(
            f"{store.uri(key)} cannot be read as a claim on cases",
            fix="delete it if no run is evaluating the experiment",
        ) from error
