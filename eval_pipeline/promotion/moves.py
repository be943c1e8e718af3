"""The history of a tag's moves: numbered documents that never change.

A move is written before it is carried out, under the next number and only if that is free. So of several processes
that decide about one tag at once, one gets the number, and the others see that. The outcome is written beside it
afterwards. Suites that share a prompt and its tag share the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.begun import next_place
from eval_pipeline.store.layout import move_end_key, move_key, moves_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.spec.prompt_reference import PromptReference

MoveKind = Literal["promotion", "rollback"]
_Document = TypeVar("_Document", bound=BaseModel)


class ProposedMove(BaseModel):
    """A decision to move a tag."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: MoveKind
    suite: str
    """The suite whose evaluation decided."""
    prompt: str
    tag: str
    before: str | None
    """The commit that the tag named when this was decided; None: it did not exist."""
    after: str
    """The commit that it will name."""
    reason: str
    """In one line."""
    decided_by: str
    """`command`, or the sensor's name, or `run ID`."""
    comparison: str | None = None
    """Of a promotion: the comparison of variants that it was decided from."""
    reference: str | None = None
    """The experiment in that comparison which had the commit before."""

    @property
    def place(self) -> PromptReference:
        """The prompt and the tag."""
        return PromptReference(place="hub", name=self.prompt, version=self.tag)


class PromptMove(ProposedMove):
    """A move that was begun."""

    number: int
    order: int = 0
    """Its place among the experiments of its suite, as `ExperimentRecord.order`."""
    begun_at: str
    """UTC, ISO 8601."""


class MoveOutcome(BaseModel):
    """The outcome of a move."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    moved: bool = Field(alias="made")
    """Whether the tag was moved."""
    message: str = Field(alias="said")
    ended_at: str


@dataclass(frozen=True, kw_only=True)
class RecordedMove:
    """A move and its outcome."""

    move: PromptMove
    outcome: MoveOutcome | None
    """None while it is under way, or if its process died."""

    @property
    def moved(self) -> bool:
        """Whether the tag is known to have been moved."""
        return self.outcome is not None and self.outcome.moved


Moves = Sequence[RecordedMove]
"""The moves of one tag, the oldest first."""


def read_moves(store: Store, place: PromptReference) -> list[RecordedMove]:
    """The moves of a tag, the oldest first.

    Raises:
        CorruptDataError: one cannot be read.
    """
    prefix, tag = moves_prefix(place.name, _tag(place)), _tag(place)
    names = {key.removeprefix(prefix) for key in store.list(prefix)}
    numbers = sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())
    moves = []
    for number in numbers:
        move = _read(store, move_key(place.name, tag, number), PromptMove)
        assert move is not None
        outcome = _read(store, move_end_key(place.name, tag, number), MoveOutcome)
        moves.append(RecordedMove(move=move, outcome=outcome))
    return moves


def begin_move(store: Store, proposed: ProposedMove, *, number: int) -> PromptMove | None:
    """Write that a move begins; None if another process began one of that number."""
    order = next_place(store, proposed.suite, f"{proposed.kind} of {proposed.place}")
    move = PromptMove(**proposed.model_dump(), number=number, order=order, begun_at=timestamp())
    key = move_key(move.prompt, move.tag, number)
    return move if store.put_if_absent(key, move.model_dump_json(indent=2).encode()) else None


def end_move(store: Store, move: PromptMove, *, moved: bool, message: str) -> MoveOutcome:
    """Write the outcome of a move, unless another process did. Returns the one in the store."""
    key = move_end_key(move.prompt, move.tag, move.number)
    outcome = MoveOutcome(moved=moved, message=message, ended_at=timestamp())
    if store.put_if_absent(key, outcome.model_dump_json(indent=2, by_alias=True).encode()):
        return outcome
    stored = _read(store, key, MoveOutcome)
    assert stored is not None
    return stored


def commits_in_use(moves: Moves) -> list[str]:
    """The commits that the tag has named and that were not rolled back; the last one is in use.

    A promotion adds its commit, a rollback removes those above its own.
    """
    commits: list[str] = []
    for recorded in moves:
        if not recorded.moved:
            continue
        move = recorded.move
        if move.before is not None and move.before not in commits[-1:]:
            commits.append(move.before)
        if move.kind == "rollback" and move.after in commits:
            del commits[len(commits) - commits[::-1].index(move.after) :]
        else:
            commits.append(move.after)
    return commits


def rolled_back(moves: Moves) -> dict[str, PromptMove]:
    """The commits that were rolled back and have not been in use since, each with the rollback."""
    rollbacks: dict[str, PromptMove] = {}
    for recorded in moves:
        move = recorded.move
        if not recorded.moved:
            continue
        rollbacks.pop(move.after, None)
        if move.kind == "rollback" and move.before is not None:
            rollbacks[move.before] = move
    return rollbacks


def _tag(place: PromptReference) -> str:
    assert place.version is not None
    return place.version


def _read(store: Store, key: str, model: type[_Document]) -> _Document | None:
    data = store.get(key)
    try:
        return None if data is None else model.model_validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(key)} cannot be read as a move of a prompt", fix="restore it from a backup"
        ) from error
