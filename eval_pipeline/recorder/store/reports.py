"""The reports of experiments, as their pipelines rendered them."""

from collections.abc import Callable
from datetime import datetime

from eval_pipeline.langsmith.protocol.error_responses import not_found
from eval_pipeline.recorder.store.codec import microseconds
from eval_pipeline.recorder.store.database import Database


class ReportStore:
    """The table `reports`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def put(self, name: str, page: bytes) -> None:
        """Store the page of an experiment, in the place of an earlier one."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (name, microseconds(self._now()), page)
            )

    def get(self, name: str) -> bytes:
        """The page of an experiment.

        Raises:
            ErrorResponse: 404.
        """
        row = self._database.row("SELECT page FROM reports WHERE name = ?", (name,))
        if row is None:
            raise not_found("Report")
        return bytes(row["page"])

    def has(self, name: str) -> bool:
        """Whether there is one."""
        return self._database.row("SELECT 1 FROM reports WHERE name = ?", (name,)) is not None

    def delete(self, name: str) -> None:
        """Delete it, if it is there."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM reports WHERE name = ?", (name,))
