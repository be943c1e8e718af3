"""`ReportedTurns`: the turns that agents reported during one attempt, and their runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from langsmith.run_helpers import get_current_run_tree

from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.collecting_client import ids_of_path
from eval_pipeline.telemetry.turns import ReportedTurn
from eval_pipeline.tracing.collect.event_runs import runs_of_turn
from eval_pipeline.tracing.collect.turn_parts import AlreadyTraced


@dataclass(kw_only=True)
class ReportedTurns:
    """The turns that agents reported during one attempt, until its trace is completed."""

    _turns: list[tuple[list[str], ReportedTurn]] = field(default_factory=list)

    def add(self, turn: ReportedTurn) -> None:
        """Keep a turn that ended now, below the run that is current now."""
        parent = get_current_run_tree()
        if parent is not None:
            self._turns.append((ids_of_path(parent.dotted_order), turn))

    def runs(self, root_id: str, collected: Sequence[CollectedRun]) -> list[CollectedRun]:
        """The runs of all turns below the attempt's root, besides those collected already."""
        runs: list[CollectedRun] = []
        for path, turn in self._turns:
            if root_id in path:
                below_root = path[path.index(root_id) :]
                runs += runs_of_turn(turn, below_root, AlreadyTraced.below(below_root[-1], collected))
        return runs
