"""Which cases of a suite need somebody: failed, stale, never run. The standing view over all experiments."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

_SAMPLE = 20
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class LastResult:
    """What is known of the newest result of a case."""

    fingerprint: str | None
    """What it depended on; None if it does not say."""
    broke: bool
    """Whether an attempt ended in an error, so that nothing was learnt of the target."""


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """Case ids, each in one of the lists at most, sorted."""

    cases: int
    failed: tuple[str, ...]
    """The newest run over it failed before it had a result, or its newest result is an error."""
    stale: tuple[str, ...]
    """What its newest result depended on is not what there is now: case, context, target, assertions or judge."""
    never_run: tuple[str, ...]
    running: tuple[str, ...]
    """A run is at it right now, so nothing is to be done."""

    @property
    def due(self) -> tuple[str, ...]:
        """All that should be evaluated, the failed ones first."""
        return self.failed + self.never_run + self.stale

    @property
    def said(self) -> str:
        """The counts, in a line."""
        parts = {"failed": self.failed, "never run": self.never_run, "stale": self.stale, "running": self.running}
        found = [f"{len(ids)} {name}" for name, ids in parts.items() if ids]
        return f"{', '.join(found)} of {self.cases} cases" if found else f"all {self.cases} cases are up to date"

    def what_to_do(self, suite: str) -> str:
        """How to mend it, as somebody at a terminal or in the UI would."""
        if not self.due:
            return "nothing"
        named = " ".join(f"--case {name}" for name in self.due[:_NAMED])
        more = f" and {len(self.due) - _NAMED} more" if len(self.due) > _NAMED else ""
        why = " Look at the runs of the failed ones first." if self.failed else ""
        return (
            f"Evaluate them: `eval-pipeline run {suite} {named}`{more}, or materialize their partitions of "
            f"`{suite}/case_results`.{why}"
        )


def upkeep_of(
    present: Mapping[str, str], last: Mapping[str, LastResult], *, failed: Container[str], running: Container[str]
) -> Upkeep:
    """How the cases stand.

    Args:
        present: by case id, the fingerprint that a result made now would have.
        last: the newest results, by case id; a case without one was never run.
        failed: cases whose newest run failed before it had a result of them.
        running: cases that a run is at.
    """
    lists: dict[str, list[str]] = {"failed": [], "stale": [], "never_run": [], "running": [], "sound": []}
    for name in sorted(present):
        lists[_list_of(name, present[name], last.get(name), failed, running)].append(name)
    del lists["sound"]
    return Upkeep(cases=len(present), **{name: tuple(found) for name, found in lists.items()})


def sample(case_ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(case_ids) - _SAMPLE} more" if len(case_ids) > _SAMPLE else ""
    return f"{', '.join(case_ids[:_SAMPLE])}{more}" if case_ids else "none"


def _list_of(
    name: str, fingerprint: str, last: LastResult | None, failed: Container[str], running: Container[str]
) -> str:
    if name in running:
        return "running"
    if name in failed or (last is not None and last.broke):
        return "failed"
    if last is None:
        return "never_run"
    return "sound" if last.fingerprint == fingerprint else "stale"
