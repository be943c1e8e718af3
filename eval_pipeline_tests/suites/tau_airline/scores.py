"""The scores of τ-bench's airline domain."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval_pipeline.assertions.calls import exchanges

WRITES = frozenset(
    {
        "book_reservation",
        "cancel_reservation",
        "send_certificate",
        "update_reservation_baggages",
        "update_reservation_flights",
        "update_reservation_passengers",
    }
)
"""The tools that change the airline's database."""

_FLIGHT = ("flight_number", "date")
"""What the tools read of a flight; a model that adds origin or destination asks for the same thing."""


def published_reward(recording: Mapping[str, Any]) -> dict[str, Any]:
    """The reward as it was published with the conversation: 1 is passed."""
    reward = float(recording["reward"])
    return {"passed": reward == 1.0, "score": reward, "message": f"published reward {reward:g}"}


def actions_match(turns: Sequence[Mapping[str, Any]], reference: Mapping[str, Any]) -> dict[str, Any]:
    """The successful write calls are the task's as a multiset, and every expected output is in an answer.

    Outputs are compared as in τ-bench's own check: without case, and without the commas of thousands.
    """
    calls = Counter(_successful_writes(turns))
    expected = Counter(
        _canonical(action["name"], action["kwargs"]) for action in reference["actions"] if action["name"] in WRITES
    )
    answers = "\n".join(turn["response"] for turn in turns).lower().replace(",", "")
    missing = [output for output in reference["outputs"] if str(output).lower() not in answers]
    mistakes = [
        *(f"not done: {call}" for call in (expected - calls).elements()),
        *(f"done though not asked: {call}" for call in (calls - expected).elements()),
        *(f"not in an answer: {output}" for output in missing),
    ]
    return {"passed": not mistakes, "message": "; ".join(mistakes) or "all actions and outputs as expected"}


def _successful_writes(turns: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for exchange in exchanges(event for turn in turns for event in turn["events"]):
        if exchange.name in WRITES and not exchange.failed:
            yield _canonical(exchange.name, exchange.args)


def _canonical(name: str, arguments: Mapping[str, Any]) -> str:
    kept = dict(arguments)
    if isinstance(kept.get("flights"), list):
        kept["flights"] = [{field: flight.get(field) for field in _FLIGHT} for flight in kept["flights"]]
    return f"{name}({json.dumps(kept, sort_keys=True)})"
