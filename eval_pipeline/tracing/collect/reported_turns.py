"""The turns of one attempt, as the evaluator reports them, until its trace is completed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from langsmith.run_helpers import get_current_run_tree

from eval_pipeline.telemetry.turns import ReportedTurn
from eval_pipeline.tracing.collect.collecting_client import CollectedRun, ids_on_the_way
from eval_pipeline.tracing.collect.event_runs import AlreadyTraced, runs_of_turn


@dataclass(kw_only=True)
class ReportedTurns:
    """The ended turns of an attempt."""

    _turns: list[tuple[list[str], ReportedTurn]] = field(default_factory=list)

    def add(self, turn: ReportedTurn) -> None:
        """A turn ended here, in the run that is traced here."""
        around = get_current_run_tree()
        if around is not None:
            self._turns.append((ids_on_the_way(around.dotted_order), turn))

    def runs(self, root_id: str, collected: Sequence[CollectedRun]) -> list[CollectedRun]:
        """What the turns come to below the attempt's root, besides what is collected already."""
        found: list[CollectedRun] = []
        for path, turn in self._turns:
            if root_id in path:
                below_root = path[path.index(root_id) :]
                found += runs_of_turn(turn, below_root, AlreadyTraced.below(below_root[-1], collected))
        return found
