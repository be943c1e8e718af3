"""The rule by which calls in flight are divided, and that it holds while members come, go and hear late."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.models.limits.fleet.sharing import TURN_S, Claim, Grant, granted, targets


def claim(demand: int, *, held: int = 0, ceiling: int = 100) -> Claim:
    return Claim(held=held, demand=demand, ceiling=ceiling)


@pytest.mark.parametrize(
    ("demands", "limit", "divided"),
    [
        ({"a": 10}, 8, {"a": 8}),
        ({"a": 10, "b": 10}, 8, {"a": 4, "b": 4}),
        ({"a": 1, "b": 10}, 8, {"a": 1, "b": 7}),
        ({"a": 1, "b": 1}, 8, {"a": 4, "b": 4}),
        ({"a": 0, "b": 0, "c": 0}, 3, {"a": 1, "b": 1, "c": 1}),
    ],
)
def test_wants_are_met_evenly_and_the_rest_is_divided(
    demands: dict[str, int], limit: int, divided: dict[str, int]
) -> None:
    claims = {name: claim(demand) for name, demand in demands.items()}
    assert targets(claims, limit=limit, turn=0) == divided


claims_of_many = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.builds(claim, st.integers(0, 40), ceiling=st.integers(1, 30)),
    min_size=1,
    max_size=12,
)


@given(claims_of_many, st.integers(1, 60), st.integers(0, 50))
@settings(max_examples=300, deadline=None)
def test_division_is_whole_fair_and_wastes_nothing(claims: dict[str, Claim], limit: int, turn: int) -> None:
    shares = targets(claims, limit=limit, turn=turn)
    assert sum(shares.values()) == min(limit, sum(each.ceiling for each in claims.values()))
    demands = {name: min(each.demand, each.ceiling) for name, each in claims.items()}
    for name, each in claims.items():
        assert 0 <= shares[name] <= each.ceiling
        for other in claims:
            # A member without all of its demand has about as much as any member with more than its demand.
            if shares[name] < demands[name]:
                assert shares[other] <= max(shares[name] + 1, 0) or shares[other] < demands[other] + 1


@given(st.integers(2, 9), st.integers(1, 4))
def test_what_cannot_be_divided_goes_round(members: int, limit: int) -> None:
    claims = {f"m{n}": claim(5) for n in range(members)}
    got = dict.fromkeys(claims, 0)
    for turn in range(members):
        for name, share in targets(claims, limit=limit, turn=turn).items():
            got[name] += share
    assert min(got.values()) >= 1


@dataclass
class Member:
    """A process: what it was granted, and what it has."""

    share: int = 0
    in_flight: int = 0
    granted_last: Grant | None = None


@pytest.mark.slow
@given(st.data(), st.integers(1, 12), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_calls_in_flight_never_exceed_the_limit_in_any_order_of_heartbeats(
    data: st.DataObject, limit: int, members: int
) -> None:
    fleet = {f"m{n}": Member() for n in range(members)}
    ledger: dict[str, Claim] = {}
    now = 0.0
    for _ in range(data.draw(st.integers(1, 60))):
        name = data.draw(st.sampled_from(sorted(fleet)))
        member = fleet[name]
        match data.draw(st.sampled_from(["begin", "end", "heartbeat", "lost answer", "leave"])):
            case "begin" if member.in_flight < member.share:
                member.in_flight += 1
            case "end" if member.in_flight:
                member.in_flight -= 1
            case "heartbeat" | "lost answer" as what:
                now += data.draw(st.sampled_from([0.1, TURN_S]))
                ledger[name] = claim(
                    data.draw(st.integers(member.in_flight, 15)), held=max(member.in_flight, member.share), ceiling=10
                )
                grant = granted(ledger, name, limit=limit, now_s=now)
                ledger[name] = Claim(held=grant.held, demand=ledger[name].demand, ceiling=10)
                if what == "heartbeat":
                    member.share = grant.share
            case "leave" if not member.in_flight:
                ledger.pop(name, None)
                member.share = 0
            case _:
                pass
        assert sum(each.in_flight for each in fleet.values()) <= limit
        assert all(each.in_flight <= ledger[name].held for name, each in fleet.items() if name in ledger)


def test_a_member_that_has_to_give_up_calls_keeps_them_until_they_end() -> None:
    claims = {"a": claim(8, held=8), "b": claim(8)}
    assert granted(claims, "b", limit=8, now_s=0) == Grant(held=0, share=0)
    assert granted(claims, "a", limit=8, now_s=0) == Grant(held=8, share=4)
    claims["a"] = claim(8, held=5)
    assert granted(claims, "b", limit=8, now_s=0) == Grant(held=3, share=3)
