"""The options that select the cases to evaluate, and the selection they make."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.wording import nearest

repetitions_option = click.option(
    "--repetitions",
    type=click.IntRange(min=1),
    metavar="K",
    help="Make K attempts at each case.  [default: as in suite.yaml]",
)


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--case`, `--split`, `--tag` and `--limit`, as `cases`, `splits`, `tags`, `limit`."""
    options = (
        click.option("--case", "cases", multiple=True, metavar="ID", help="Evaluate only this case. Repeatable."),
        click.option("--split", "splits", multiple=True, metavar="NAME", help="Only cases of this split. Repeatable."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only cases with this tag. Repeatable."),
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Evaluate at most N cases."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cases to evaluate; an empty selection is all of them."""

    cases: Sequence[str] = ()
    splits: Sequence[str] = ()
    tags: Sequence[str] = ()
    limit: int | None = None

    def of(self, cases: Sequence[Case]) -> list[Case]:
        """The selected cases, in their order.

        Raises:
            InputError: no case has such an id, split or tag, or no case is selected.
        """
        existing = {
            "--case": ({case.id for case in cases}, self.cases),
            "--split": ({case.split for case in cases}, self.splits),
            "--tag": ({tag for case in cases for tag in case.tags}, self.tags),
        }
        problems = [
            Problem(
                message=f"{option} {name}: no such {option[2:]}",
                fix=nearest(name, names, none=f"no case has a {option[2:]}: remove the option"),
            )
            for option, (names, given) in existing.items()
            for name in given
            if name not in names
        ]
        if problems:
            raise InputError(problems)
        selected = [case for case in cases if self._includes(case)][: self.limit]
        if not selected:
            raise InputError(Problem(message="no case matches all options", fix="give fewer options"))
        return selected

    def _includes(self, case: Case) -> bool:
        return (
            (not self.cases or case.id in self.cases)
            and (not self.splits or case.split in self.splits)
            and (not self.tags or bool(set(case.tags) & set(self.tags)))
        )
