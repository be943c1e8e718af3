"""The record of a tag's moves: numbered documents that nobody changes, from which all else is read.

A move is written before it is made, under the next number and only if that is free: of several who decide about one
tag at once, one has the number, and the others know that somebody was before them. What became of it is written
beside it afterwards. Suites that share a prompt and its tag share the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.errors import CorruptDataError
from eval_pipeline.store.layout import move_end_key, move_key, moves_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.spec.prompt_reference import PromptReference

Kind = Literal["promotion", "rollback"]
_Document = TypeVar("_Document", bound=BaseModel)


class WantedMove(BaseModel):
    """What somebody decided to do with a tag."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    suite: str
    """Whose evaluation decided."""
    prompt: str
    tag: str
    before: str | None
    """The commit that the tag named when this was decided; None for none yet."""
    after: str
    """The commit that it is to name."""
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


class Move(WantedMove):
    """A move that was begun."""

    number: int
    begun_at: str
    """UTC, ISO 8601."""


class Ending(BaseModel):
    """What became of a move."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made: bool
    """Whether the tag was moved."""
    said: str
    ended_at: str


@dataclass(frozen=True, kw_only=True)
class RecordedMove:
    """A move and what became of it."""

    move: Move
    ending: Ending | None
    """None where whoever began it has not ended it, or died."""

    @property
    def made(self) -> bool:
        """Whether the tag is known to have been moved."""
        return self.ending is not None and self.ending.made


Moves = Sequence[RecordedMove]
"""Those of one tag, the first first."""


def read_moves(store: Store, place: PromptReference) -> list[RecordedMove]:
    """The moves of a tag, the first first.

    Raises:
        CorruptDataError: one cannot be read.
    """
    prefix, tag = moves_prefix(place.name, _tag(place)), _tag(place)
    names = {key.removeprefix(prefix) for key in store.list(prefix)}
    numbers = sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())
    found = []
    for number in numbers:
        move = _read(store, move_key(place.name, tag, number), Move)
        assert move is not None
        ending = _read(store, move_end_key(place.name, tag, number), Ending)
        found.append(RecordedMove(move=move, ending=ending))
    return found


def begin_move(store: Store, wanted: WantedMove, *, number: int) -> Move | None:
    """Write that a move begins; None where somebody else began one of that number."""
    move = Move(**wanted.model_dump(), number=number, begun_at=timestamp())
    key = move_key(move.prompt, move.tag, number)
    return move if store.put_if_absent(key, move.model_dump_json(indent=2).encode()) else None


def end_move(store: Store, move: Move, *, made: bool, said: str) -> Ending:
    """Write what became of a move, unless somebody did. Returns what is written there."""
    key = move_end_key(move.prompt, move.tag, move.number)
    ending = Ending(made=made, said=said, ended_at=timestamp())
    if store.put_if_absent(key, ending.model_dump_json(indent=2).encode()):
        return ending
    found = _read(store, key, Ending)
    assert found is not None
    return found


def commits_in_use(moves: Moves) -> list[str]:
    """The commits that the tag has come by, as far as none was taken back; the last is the one in use.

    A promotion adds its commit, a rollback takes away those that were above its own.
    """
    found: list[str] = []
    for recorded in moves:
        if not recorded.made:
            continue
        move = recorded.move
        if move.before is not None and move.before not in found[-1:]:
            found.append(move.before)
        if move.kind == "rollback" and move.after in found:
            del found[len(found) - found[::-1].index(move.after) :]
        else:
            found.append(move.after)
    return found


def rolled_back(moves: Moves) -> dict[str, Move]:
    """The commits that were taken back and not brought again since, each with the rollback."""
    found: dict[str, Move] = {}
    for recorded in moves:
        move = recorded.move
        if not recorded.made:
            continue
        found.pop(move.after, None)
        if move.kind == "rollback" and move.before is not None:
            found[move.before] = move
    return found


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
