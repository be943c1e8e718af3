"""What was learnt of a server, in a file beside its spool, for the times when it cannot be asked."""

import contextlib
from uuid import UUID, uuid4

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from eval_pipeline.langsmith.client import Connection
from eval_pipeline.langsmith.dataset_sync import VerifiedDataset
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.dataset.origin import DatasetOrigin
from eval_pipeline.tracing.send.flushing import spool_folder

_log = logger_of(__name__)


class KnownOfServer(BaseModel):
    """What was learnt of a server."""

    tenant_id: str = "-"
    datasets: dict[str, UUID] = {}
    """The id of each suite's dataset."""
    projects: dict[str, UUID] = {}
    """The id of each project of shared traces."""
    verified: dict[UUID, VerifiedDataset] = {}
    """By dataset, what it held when it was last compared with the cases."""


class ServerMemory:
    """Of one server."""

    def __init__(self, settings: LangSmithSettings, connection: Connection) -> None:
        self._folder = spool_folder(settings, connection.destination.name)
        self._file = self._folder / "known.json"

    def known(self) -> KnownOfServer:
        """What is known, which may be nothing."""
        with contextlib.suppress(OSError, ValidationError):
            return KnownOfServer.model_validate_json(self._file.read_bytes())
        return KnownOfServer()

    @staticmethod
    def name_of(suite: str, origin: DatasetOrigin | None) -> str:
        """The name to remember a dataset by. One that cases came from is never taken for the suite's own copy."""
        return suite if origin is None else f"{origin.version.name} ({origin.version.dataset_id})"

    def dataset_id(self, suite: str, wanted: UUID | None, *, otherwise: UUID | None = None) -> UUID:
        """The dataset's id; where it is not known `otherwise`, or one that is made up, and remembered."""
        found = self.known().datasets.get(suite)
        if wanted is None and found is not None:
            return found
        made_up = wanted or otherwise or uuid4()
        self.learn(suite, made_up, None)
        return self.known().datasets.get(suite, made_up)

    def verified(self, dataset_id: UUID) -> VerifiedDataset | None:
        """What a dataset held when it was last compared with the cases."""
        return self.known().verified.get(dataset_id)

    def learn(
        self, suite: str, dataset_id: UUID, tenant_id: str | None, *, verified: VerifiedDataset | None = None
    ) -> None:
        """Remember a dataset; a tenant that is not given is left as it was."""
        compared = {} if verified is None else {dataset_id: verified}
        self._remember(KnownOfServer(tenant_id=tenant_id or "", datasets={suite: dataset_id}, verified=compared))

    def learn_project(self, name: str, project_id: UUID, tenant_id: str) -> None:
        """Remember a project."""
        self._remember(KnownOfServer(tenant_id=tenant_id, projects={name: project_id}))

    def _remember(self, news: KnownOfServer) -> None:
        try:
            self._write(news)
        except OSError as error:
            # It is of use to those who come later, and nothing that an evaluation hangs on.
            _log.warning("%s cannot be written: %s", self._file, error.strerror or error)

    def _write(self, news: KnownOfServer) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".known.lock"):
            known = self.known()
            changed = KnownOfServer(
                tenant_id=news.tenant_id or known.tenant_id,
                datasets={**known.datasets, **news.datasets},
                projects={**known.projects, **news.projects},
                verified={**known.verified, **news.verified},
            )
            if changed == known:
                return
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(changed.model_dump_json(), encoding="utf-8")
            temporary.rename(self._file)
