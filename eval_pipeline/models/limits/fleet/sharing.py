"""Divides a limit of calls in flight among the members of a fleet; the sum of what they hold never exceeds it.

The smallest demands are met first and the rest is divided evenly (max-min fairness; Bertsekas and Gallager, "Data
Networks", 1992, section 6.5.2). What is left is divided likewise, so that members have room before they ask for it,
and what cannot be divided rotates. A member that has to give up calls holds them until they end; only then do others
get them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TURN_S = 10.0
"""Seconds after which what cannot be divided goes to other members."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one member holds and asks for."""

    held: int
    """Calls that it may have in flight, or still has."""
    demand: int
    """Calls that it has in flight or would begin if it might."""
    ceiling: int
    """The most that it would ever use."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a member holds from now on, and may use."""

    held: int
    """No other member gets these. More than `share` until calls that it has to give up have ended."""
    share: int
    """The most calls that it may have in flight when it begins another."""


def granted(claims: Mapping[str, Claim], member: str, *, limit: int, now_s: float) -> Grant:
    """What `member` gets of `limit`, by the claims of all members, its own included.

    The sum of what all hold is at most `limit` if it was before, and if no member begins calls beyond its share.
    """
    mine = claims[member]
    target = targets(claims, limit=limit, turn=int(now_s // TURN_S))[member]
    free = limit - sum(claim.held for claim in claims.values())
    held = max(mine.held, min(target, mine.held + free))
    return Grant(held=held, share=min(held, target))


def targets(claims: Mapping[str, Claim], *, limit: int, turn: int) -> dict[str, int]:
    """How `limit` would be divided if no member held anything. `turn` rotates who gets what is left over."""
    order = sorted(claims)
    first = turn % len(order) if order else 0
    order = order[first:] + order[:first]
    demands = {name: min(claim.demand, claim.ceiling) for name, claim in claims.items()}
    shares = _filled(dict.fromkeys(order, 0), demands, room=limit, order=order)
    ceilings = {name: claim.ceiling for name, claim in claims.items()}
    return _filled(shares, ceilings, room=limit - sum(shares.values()), order=order)


def _filled(has: Mapping[str, int], most: Mapping[str, int], *, room: int, order: Sequence[str]) -> dict[str, int]:
    """`has`, to which `room` is added evenly, to each at most up to `most`."""
    shares = dict(has)
    while waiting := [name for name in order if shares[name] < most[name]]:
        each = room // len(waiting)
        if each == 0:
            _one_more(shares, waiting[:room])
            break
        for name in waiting:
            added = min(each, most[name] - shares[name])
            shares[name] += added
            room -= added
    return shares


def _one_more(shares: dict[str, int], names: Iterable[str]) -> None:
    for name in names:
        shares[name] += 1
