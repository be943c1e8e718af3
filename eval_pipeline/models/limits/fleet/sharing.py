"""Who of a fleet may have how many calls in flight: a limit divided by what each wants, and never exceeded on the way.

The smallest wants are met first, the rest is divided evenly (max-min fairness; Bertsekas and Gallager, "Data
Networks", 1992, section 6.5.2), and what nobody wants is divided likewise, so that there is room before it is asked
for. What cannot be divided goes round. A member that has to give calls up keeps them until they end; nobody gets
them before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TURN_S = 10.0
"""Seconds after which what cannot be divided goes to others."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one member of the fleet has, and wants."""

    held: int
    """Calls it may have in flight, or still has."""
    wanted: int
    """Calls it has in flight or would begin if it might."""
    ceiling: int
    """More it would never use."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a member holds from now on, and may use."""

    held: int
    """Nobody else gets these. More than `share` while calls that it has to give up have not ended."""
    share: int
    """It begins no call beyond these."""


def granted(claims: Mapping[str, Claim], member: str, *, limit: int, now_s: float) -> Grant:
    """What `member` gets of `limit`, by the claims of everybody, its own included.

    The sum of what all hold is at most `limit` if it was before, and if nobody begins calls beyond its share.
    """
    mine = claims[member]
    target = targets(claims, limit=limit, turn=int(now_s // TURN_S))[member]
    free = limit - sum(claim.held for claim in claims.values())
    held = max(mine.held, min(target, mine.held + free))
    return Grant(held=held, share=min(held, target))


def targets(claims: Mapping[str, Claim], *, limit: int, turn: int) -> dict[str, int]:
    """How `limit` would be divided if nobody held anything. `turn` says with whom what is left over begins."""
    order = sorted(claims)
    first = turn % len(order) if order else 0
    order = order[first:] + order[:first]
    wants = {name: min(claim.wanted, claim.ceiling) for name, claim in claims.items()}
    found = _filled(dict.fromkeys(order, 0), wants, room=limit, order=order)
    ceilings = {name: claim.ceiling for name, claim in claims.items()}
    return _filled(found, ceilings, room=limit - sum(found.values()), order=order)


def _filled(has: Mapping[str, int], most: Mapping[str, int], *, room: int, order: Sequence[str]) -> dict[str, int]:
    """`has`, to which `room` is added evenly, to nobody more than makes `most`."""
    found = dict(has)
    while waiting := [name for name in order if found[name] < most[name]]:
        each = room // len(waiting)
        if each == 0:
            _one_more(found, waiting[:room])
            break
        for name in waiting:
            added = min(each, most[name] - found[name])
            found[name] += added
            room -= added
    return found


def _one_more(found: dict[str, int], names: Iterable[str]) -> None:
    for name in names:
        found[name] += 1
