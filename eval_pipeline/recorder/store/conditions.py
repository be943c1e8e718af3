"""What the rows of a query must meet: all of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from eval_pipeline.recorder.store.database import placeholders


class Conditions:
    """A WHERE clause that grows. Columns and clauses are written in this package; only values come from outside."""

    def __init__(self) -> None:
        self._clauses: list[str] = []
        self.arguments: list[Any] = []
        """One for every `?` of `sql`, in order."""

    @property
    def sql(self) -> str:
        """What follows WHERE; true of every row as long as there is no condition."""
        return " AND ".join(self._clauses) or "1"

    def holds(self, clause: str, *values: Any) -> None:
        """`clause` holds, with `values` for its question marks."""
        self._clauses.append(clause)
        self.arguments.extend(values)

    def given(self, clause: str, value: Any) -> None:
        """`clause` holds with `value`, unless that is None."""
        if value is not None:
            self.holds(clause, value)

    def one_of(self, column: str, values: Sequence[Any]) -> None:
        """`column` is one of `values`, unless there are none."""
        if values:
            self.holds(f"{column} IN ({placeholders(values)})", *values)

    def id_of(self, column: str, identities: Iterable[Any]) -> None:
        """As `one_of`, of ids, which are kept in lower case."""
        self.one_of(column, [str(identity).lower() for identity in identities])

    def present(self, column: str, *, there: bool | None) -> None:
        """`column` has a value, or has none, unless `there` is None."""
        if there is not None:
            self.holds(f"{column} IS {'NOT NULL' if there else 'NULL'}")

    def named(self, *, name: str | None, name_contains: str | None) -> None:
        """The column `name` is the one, and has the other in it, whatever its case."""
        self.given("name = ?", name)
        self.given("instr(lower(name), lower(?)) > 0", name_contains)
