"""Which cases a command line asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was asked for; nothing asked for is everything."""

    cases: Sequence[str] = ()
    splits: Sequence[str] = ()
    tags: Sequence[str] = ()
    limit: int | None = None

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """The cases asked for, in order.

        Raises:
            InputError: a name that no case, split or tag has, or nothing left.
        """
        known = {
            "--case": ({case.id for case in cases}, self.cases),
            "--split": ({case.split for case in cases}, self.splits),
            "--tag": ({tag for case in cases for tag in case.tags}, self.tags),
        }
        problems = [
            Problem(message=f"{option} {name}: there is none of that name", fix=f"use one of {_some(there)}")
            for option, (there, asked) in known.items()
            for name in asked
            if name not in there
        ]
        if problems:
            raise InputError(problems)
        found = [case for case in cases if self._wants(case)][: self.limit]
        if not found:
            raise InputError(Problem(message="no case has all that was asked for", fix="ask for less"))
        return found

    def _wants(self, case: Case) -> bool:
        return (
            (not self.cases or case.id in self.cases)
            and (not self.splits or case.split in self.splits)
            and (not self.tags or bool(set(case.tags) & set(self.tags)))
        )


def _some(names: set[str]) -> str:
    shown = sorted(names)[:10]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
