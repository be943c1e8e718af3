"""Where a dataset's cases came from, if that is one dataset on LangSmith: experiments then refer to its examples."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from eval_pipeline.langsmith.datasets import DatasetVersion


class DatasetOrigin(BaseModel):
    """The dataset, and which of its examples each case is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: DatasetVersion
    """The first that was seen to say this."""
    examples: Mapping[str, UUID]
    """By case id."""

    @property
    def identity(self) -> str:
        """One line a case; another dataset of equal examples has another."""
        place = f"{self.version.server} {self.version.dataset_id}"
        return "\n".join([place, *(f"{case_id} {found}" for case_id, found in sorted(self.examples.items()))])
