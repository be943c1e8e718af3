"""WHERE clauses that are composed of optional conditions."""

from collections.abc import Iterable, Sequence
from typing import Any

from eval_pipeline.recorder.store.database import placeholders


class Conditions:
    """A WHERE clause whose conditions all apply. Callers write columns and clauses; only values come from requests."""

    def __init__(self) -> None:
        self._clauses: list[str] = []
        self.arguments: list[Any] = []
        """The values of the `?` in `sql`, in order."""

    @property
    def sql(self) -> str:
        """The text after WHERE; without conditions it matches every row."""
        return " AND ".join(self._clauses) or "1"

    def holds(self, clause: str, *values: Any) -> None:
        """Require `clause`, with `values` for its question marks."""
        self._clauses.append(clause)
        self.arguments.extend(values)

    def given(self, clause: str, value: Any) -> None:
        """Require `clause` with `value`, unless that is None."""
        if value is not None:
            self.holds(clause, value)

    def one_of(self, column: str, values: Sequence[Any]) -> None:
        """Require that `column` is one of `values`, unless there are none."""
        if values:
            self.holds(f"{column} IN ({placeholders(values)})", *values)

    def id_of(self, column: str, identities: Iterable[Any]) -> None:
        """As `one_of`, for ids, which are stored in lower case."""
        self.one_of(column, [str(identity).lower() for identity in identities])

    def present(self, column: str, *, there: bool | None) -> None:
        """Require that `column` has a value (True) or none (False), unless `there` is None."""
        if there is not None:
            self.holds(f"{column} IS {'NOT NULL' if there else 'NULL'}")

    def named(self, *, name: str | None, name_contains: str | None) -> None:
        """Require that the column `name` equals the one and contains the other, ignoring case."""
        self.given("name = ?", name)
        self.given("instr(lower(name), lower(?)) > 0", name_contains)
