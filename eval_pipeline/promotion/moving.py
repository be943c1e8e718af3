"""Moving a tag of the Hub, so that of several who do at once one does, and the others are told.

    read the record, decide  ->  write the move under the next number  ->  move the tag  ->  write that it was made

Whoever finds the number taken was not the first, and has changed nothing. Whoever dies in between leaves a move
without an end; where the tag is then tells what became of it.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from eval_pipeline.errors import InputError, PermanentError
from eval_pipeline.promotion.moves import Move, Moves, RecordedMove, WantedMove, begin_move, end_move, read_moves
from eval_pipeline.prompts.hub import Expected, PromptHub, PromptMovedError, PromptMovedOnError
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.prompt_reference import PromptReference

UNFINISHED_SECONDS = 600.0
"""How long a move without an end may be under way: the requests that it takes give up long before."""
SHOWN = 12
"""Digits of a commit."""

Cause = Literal["no winner", "gates", "more than the prompt", "taken back", "moved", "nothing to do"]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a tag stays where it is."""

    cause: Cause
    reason: str
    """In one sentence."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A tag, and how it came to be where it is."""

    place: PromptReference
    commit: str | None
    """What it names now; None for nothing."""
    moves: Moves


def read_standing(store: Store, hub: PromptHub, place: PromptReference) -> Standing:
    """Where a tag is; a move that somebody left unfinished is ended, if it is plain what became of it.

    Raises:
        InputError: there is no such prompt.
        TransientError: the Hub, or the store, is away.
    """
    moves = read_moves(store, place)
    commit = hub.tags(place.name).get(place.version or "")
    if moves and moves[-1].ending is None:
        moves[-1] = _settled(store, moves[-1].move, commit)
    return Standing(place=place, commit=commit, moves=moves)


def make_move(store: Store, hub: PromptHub, standing: Standing, wanted: WantedMove) -> Move | Refusal:
    """Move a tag.

    Args:
        store: where moves are recorded.
        hub: whose tag it is.
        standing: what was looked at when `wanted` was decided.
        wanted: from which commit to which.

    Returns:
        The move, or why the tag is not where it was to go: it was moved meanwhile, before this move or on from it, or
        somebody else is about to move it.

    Raises:
        InputError: there is no such commit.
        CredentialsError: the key may not move tags.
        TransientError: the Hub, or the store, is away. Whether the tag was moved is then not known, and found out by
            who reads its standing next.
    """
    last = standing.moves[-1] if standing.moves else None
    if last is not None and last.ending is None:
        return _moved(f"{_said(last.move)} began at {last.move.begun_at} and has not ended; try again in some minutes")
    number = 1 if last is None else last.move.number + 1
    move = begin_move(store, wanted, number=number)
    if move is None:
        others = next(found.move for found in read_moves(store, standing.place) if found.move.number == number)
        return _moved(f"somebody else was first: {_said(others)} ({others.decided_by})")
    try:
        hub.tag(move.prompt, move.tag, move.after, expected=Expected(commit=move.before))
    except PromptMovedOnError:
        said = f"{wanted.place} was put at {shown(move.after)}, and moved on by somebody else"
        _made(store, move, said)
        return _moved(f"{said}: it is at {shown(hub.tags(move.prompt).get(move.tag))}")
    except PromptMovedError:
        there = hub.tags(move.prompt).get(move.tag)
        said = f"{wanted.place} was moved by somebody else: it is at {shown(there)}, and was at {shown(move.before)}"
        end_move(store, move, made=False, said=said)
        return _moved(said)
    except (InputError, PermanentError) as error:
        end_move(store, move, made=False, said=str(error))
        raise
    return _made(store, move, f"{wanted.place} is at {shown(move.after)}")


def shown(commit: str | None) -> str:
    """A commit in a sentence."""
    return "nothing" if commit is None else commit[:SHOWN]


def _settled(store: Store, move: Move, commit: str | None) -> RecordedMove:
    if commit == move.after:
        said = "whoever began it did not say, but the tag is there"
        return RecordedMove(move=move, ending=end_move(store, move, made=True, said=said))
    age = dt.datetime.now(tz=dt.UTC) - dt.datetime.fromisoformat(move.begun_at)
    if age.total_seconds() < UNFINISHED_SECONDS:
        # Wherever the tag is: its maker alone knows whether it was moved, and moved on.
        return RecordedMove(move=move, ending=None)
    said = f"whoever began it did not end it, and the tag is at {shown(commit)}: nobody saw it moved"
    return RecordedMove(move=move, ending=end_move(store, move, made=False, said=said))


def _made(store: Store, move: Move, said: str) -> Move:
    """A move was made. One that somebody took for dead is written again, under the next number."""
    if end_move(store, move, made=True, said=said).made:
        return move
    wanted, again = WantedMove.model_validate(move.model_dump(exclude={"number", "begun_at"})), None
    while again is None:
        number = read_moves(store, move.place)[-1].move.number + 1
        again = begin_move(store, wanted, number=number)
    end_move(store, again, made=True, said=f"{said}, later than others waited for it")
    return again


def _said(move: Move) -> str:
    return f"{move.kind} {move.number} from {shown(move.before)} to {shown(move.after)}"


def _moved(reason: str) -> Refusal:
    return Refusal(cause="moved", reason=reason)
