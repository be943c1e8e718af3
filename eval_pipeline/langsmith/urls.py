"""URLs of the web pages of LangSmith or the recorder, built without a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class WebUrls:
    """The pages of one workspace."""

    web_url: str
    tenant_id: UUID | str

    def project(self, session_id: UUID | str) -> str:
        """A project's runs."""
        return f"{self._workspace}/projects/p/{session_id}"

    def run(self, session_id: UUID | str, run_id: UUID | str) -> str:
        """One run, in its trace."""
        return f"{self.project(session_id)}/r/{run_id}"

    def dataset(self, dataset_id: UUID | str) -> str:
        """A dataset with its experiments."""
        return f"{self._workspace}/datasets/{dataset_id}"

    def example(self, dataset_id: UUID | str, example_id: UUID | str) -> str:
        """One example."""
        return f"{self.dataset(dataset_id)}/e/{example_id}"

    def experiment(self, dataset_id: UUID | str, session_id: UUID | str) -> str:
        """The rows of one experiment."""
        return self.comparison(dataset_id, [session_id])

    def comparison(self, dataset_id: UUID | str, session_ids: Sequence[UUID | str]) -> str:
        """The rows of experiments side by side."""
        selected = "%2C".join(map(str, session_ids))
        return f"{self.dataset(dataset_id)}/compare?selectedSessions={selected}"

    @property
    def _workspace(self) -> str:
        return f"{self.web_url.rstrip('/')}/o/{self.tenant_id}"
