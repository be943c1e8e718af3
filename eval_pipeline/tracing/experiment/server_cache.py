"""Ids learned from a server, kept in a file beside its spool for the times when the server is unreachable."""

import contextlib
from uuid import UUID, uuid4

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.langsmith.datasets import SyncedDataset, VerifiedDataset
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.dataset.dataset import DatasetOrigin
from eval_pipeline.tracing.send.flush import spool_folder

_log = logger_of(__name__)


class CachedIds(BaseModel):
    """The contents of the file."""

    tenant_id: str = "-"
    datasets: dict[str, UUID] = {}
    """The id of each suite's dataset."""
    projects: dict[str, UUID] = {}
    """The id of each project of shared traces."""
    verified: dict[UUID, VerifiedDataset] = {}
    """By dataset, its last comparison with the cases."""


class ServerCache:
    """The ids of one server."""

    def __init__(self, settings: LangSmithSettings, connection: Connection) -> None:
        self._folder = spool_folder(settings, connection.destination.name)
        self._file = self._folder / "known.json"

    def read(self) -> CachedIds:
        """Everything in the file; empty where there is none that can be read."""
        with contextlib.suppress(OSError, ValidationError):
            return CachedIds.model_validate_json(self._file.read_bytes())
        return CachedIds()

    def dataset_id(
        self, suite: str, origin: DatasetOrigin | None, *, required: UUID | None, otherwise: UUID | None
    ) -> UUID:
        """The id of a suite's dataset: the required, the cached, `otherwise`, or a new one. The cache keeps it."""
        required = required if origin is None else origin.version.dataset_id
        name = _name_of(suite, origin)
        cached = self.read().datasets.get(name)
        if required is None and cached is not None:
            return cached
        identity = required or otherwise or uuid4()
        self._merge(CachedIds(tenant_id="", datasets={name: identity}))
        return self.read().datasets.get(name, identity)

    def verified(self, dataset_id: UUID) -> VerifiedDataset | None:
        """The last comparison of a dataset with its cases."""
        return self.read().verified.get(dataset_id)

    def keep_dataset(self, suite: str, origin: DatasetOrigin | None, dataset: SyncedDataset, tenant_id: str) -> None:
        """Keep the id of a suite's dataset, its last comparison, and the workspace."""
        verified = {} if dataset.verified is None else {dataset.dataset_id: dataset.verified}
        datasets = {_name_of(suite, origin): dataset.dataset_id}
        self._merge(CachedIds(tenant_id=tenant_id, datasets=datasets, verified=verified))

    def keep_project(self, name: str, project_id: UUID, tenant_id: str) -> None:
        """Keep the id of a project, and the workspace."""
        self._merge(CachedIds(tenant_id=tenant_id, projects={name: project_id}))

    def _merge(self, news: CachedIds) -> None:
        try:
            self._write(news)
        except OSError as error:
            # Only later processes use the cache; this evaluation does not depend on it.
            _log.warning("%s cannot be written: %s", self._file, error.strerror or error)

    def _write(self, news: CachedIds) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".known.lock"):
            present = self.read()
            changed = CachedIds(
                tenant_id=news.tenant_id or present.tenant_id,
                datasets={**present.datasets, **news.datasets},
                projects={**present.projects, **news.projects},
                verified={**present.verified, **news.verified},
            )
            if changed == present:
                return
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(changed.model_dump_json(), encoding="utf-8")
            temporary.rename(self._file)


def _name_of(suite: str, origin: DatasetOrigin | None) -> str:
    """The name a dataset is cached under. One that cases came from is never taken for the suite's own copy."""
    return suite if origin is None else f"{origin.version.name} ({origin.version.dataset_id})"
