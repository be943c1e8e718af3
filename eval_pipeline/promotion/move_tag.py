"""Moves a tag of the Prompt Hub, so that of several processes that move it at once one does, and the others see that.

    read the history, decide  ->  write the move under the next number  ->  move the tag  ->  write the outcome

A process that finds the number taken was not the first, and has changed nothing. One that dies in between leaves a
move without an outcome; the commit that the tag names then shows what happened.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from eval_pipeline.errors import InputError, PermanentError
from eval_pipeline.promotion.moves import (
    Moves,
    PromptMove,
    ProposedMove,
    RecordedMove,
    begin_move,
    end_move,
    read_moves,
)
from eval_pipeline.prompts.hub import ExpectedCommit, PromptHub, PromptMovedError, PromptMovedOnError
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.prompt_reference import PromptReference

UNFINISHED_SECONDS = 600.0
"""How long a move without an outcome may be under way; its requests time out long before."""
SHOWN_DIGITS = 12

RefusalCause = Literal["no winner", "gates", "more than the prompt", "rolled back", "moved", "nothing to do"]


@dataclass(frozen=True, kw_only=True)
class MoveRefusal:
    """Why a tag is not moved."""

    cause: RefusalCause
    reason: str
    """In one sentence."""


@dataclass(frozen=True, kw_only=True)
class TagState:
    """A tag, the commit that it names, and its moves."""

    place: PromptReference
    commit: str | None
    """None: the tag does not exist."""
    moves: Moves


def read_tag_state(store: Store, hub: PromptHub, place: PromptReference) -> TagState:
    """The state of a tag. An unfinished move whose outcome is certain is ended.

    Raises:
        InputError: there is no such prompt.
        TransientError: the Hub or the store cannot be reached.
    """
    moves = read_moves(store, place)
    commit = hub.tags(place.name).get(place.version or "")
    if moves and moves[-1].outcome is None:
        moves[-1] = _settled(store, moves[-1].move, commit)
    return TagState(place=place, commit=commit, moves=moves)


def move_tag(store: Store, hub: PromptHub, state: TagState, proposed: ProposedMove) -> PromptMove | MoveRefusal:
    """Move a tag.

    Args:
        store: where the history is.
        hub: the tag's.
        state: the one that `proposed` was decided from.
        proposed: from which commit to which.

    Returns:
        The move, or why the tag is not where it should go: another process moved it meanwhile, before this move or
        after it, or is about to.

    Raises:
        InputError: there is no such commit.
        CredentialsError: the key may not move tags.
        TransientError: the Hub or the store cannot be reached. Whether the tag was moved is then unknown; the next
            `read_tag_state` finds out.
    """
    last = state.moves[-1] if state.moves else None
    if last is not None and last.outcome is None:
        return _already_moved(
            f"{_described(last.move)} began at {last.move.begun_at} and has not ended; try again in some minutes"
        )
    number = 1 if last is None else last.move.number + 1
    move = begin_move(store, proposed, number=number)
    if move is None:
        other = next(recorded.move for recorded in read_moves(store, state.place) if recorded.move.number == number)
        return _already_moved(f"another process was first: {_described(other)} ({other.decided_by})")
    try:
        hub.tag(move.prompt, move.tag, move.after, expected=ExpectedCommit(commit=move.before))
    except PromptMovedOnError:
        message = f"{proposed.place} was moved to {shown(move.after)}, and then elsewhere by another process"
        _end_as_moved(store, move, message)
        return _already_moved(f"{message}: it is at {shown(hub.tags(move.prompt).get(move.tag))}")
    except PromptMovedError:
        now = hub.tags(move.prompt).get(move.tag)
        message = f"another process moved {proposed.place}: it is at {shown(now)}, and was at {shown(move.before)}"
        end_move(store, move, moved=False, message=message)
        return _already_moved(message)
    except (InputError, PermanentError) as error:
        end_move(store, move, moved=False, message=str(error))
        raise
    return _end_as_moved(store, move, f"{proposed.place} is at {shown(move.after)}")


def shown(commit: str | None) -> str:
    """A commit's first digits, as messages show it."""
    return "nothing" if commit is None else commit[:SHOWN_DIGITS]


def _settled(store: Store, move: PromptMove, commit: str | None) -> RecordedMove:
    if commit == move.after:
        message = "its process wrote no outcome, but the tag is there"
        return RecordedMove(move=move, outcome=end_move(store, move, moved=True, message=message))
    age = dt.datetime.now(tz=dt.UTC) - dt.datetime.fromisoformat(move.begun_at)
    if age.total_seconds() < UNFINISHED_SECONDS:
        # Wherever the tag is: only the process that moves it knows whether it was moved, and then moved again.
        return RecordedMove(move=move, outcome=None)
    message = f"its process wrote no outcome, and the tag is at {shown(commit)}: it was not seen to move"
    return RecordedMove(move=move, outcome=end_move(store, move, moved=False, message=message))


def _end_as_moved(store: Store, move: PromptMove, message: str) -> PromptMove:
    """End a move. If another process gave it up meanwhile, it is written again, under the next number."""
    if end_move(store, move, moved=True, message=message).moved:
        return move
    proposed = ProposedMove.model_validate(move.model_dump(exclude={"number", "order", "begun_at"}))
    again = None
    while again is None:
        number = read_moves(store, move.place)[-1].move.number + 1
        again = begin_move(store, proposed, number=number)
    end_move(store, again, moved=True, message=f"{message}, later than other processes waited for it")
    return again


def _described(move: PromptMove) -> str:
    return f"{move.kind} {move.number} from {shown(move.before)} to {shown(move.after)}"


def _already_moved(reason: str) -> MoveRefusal:
    return MoveRefusal(cause="moved", reason=reason)
