"""What a fingerprint needs of a case: of most cases no more than the hash of what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.simulation import Simulation


class Fingerprinted(Protocol):
    """What a fingerprint needs of a case."""

    @property
    def id(self) -> str:
        """The case's id."""

    @property
    def every_assertion(self) -> Sequence[Assertion]:
        """Its own."""

    @property
    def simulation(self) -> Simulation | None:
        """Who plays its user."""

    def content_hash(self) -> str:
        """Changes when the case does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainCase:
    """A case with neither assertions of its own nor a simulated user: its hash says all that a fingerprint needs."""

    id: str
    written_hash: str
    every_assertion: tuple[Assertion, ...] = ()
    simulation: None = None

    def content_hash(self) -> str:
        """Changes when the case does."""
        return self.written_hash
