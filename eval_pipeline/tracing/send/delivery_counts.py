"""Count what became of the runs and feedback handed over for sending."""

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, kw_only=True)
class DeliveryCounts:
    """What became of runs and feedback at one destination. `enqueued = sent + spooled + dropped + waiting`."""

    runs_enqueued: int = 0
    runs_sent: int = 0
    runs_spooled: int = 0
    """On disk now, to be sent later."""
    runs_refused: int = 0
    """Of those spooled: refused by the server for what they are."""
    runs_dropped: int = 0
    """Lost: the spool or its disk was full."""
    runs_sampled_out: int = 0
    updates_enqueued: int = 0
    """Updates that end runs which were sent when they began."""
    updates_sent: int = 0
    updates_spooled: int = 0
    updates_refused: int = 0
    updates_dropped: int = 0
    updates_sampled_out: int = 0
    feedback_enqueued: int = 0
    feedback_sent: int = 0
    feedback_spooled: int = 0
    feedback_refused: int = 0
    feedback_dropped: int = 0
    feedback_sampled_out: int = 0
    requests: int = 0
    bytes_sent: int = 0
    errors: int = 0
    """Requests that failed."""

    @property
    def runs_waiting(self) -> int:
        """Runs that are neither sent nor spooled yet."""
        return self.runs_enqueued - self.runs_sent - self.runs_spooled - self.runs_dropped

    @property
    def lost(self) -> int:
        """Runs, updates and feedback that neither the server nor the spool took."""
        return self.runs_dropped + self.updates_dropped + self.feedback_dropped

    @property
    def not_arrived(self) -> int:
        """Runs and updates that the server does not have: waiting, spooled or lost."""
        updates = self.updates_enqueued - self.updates_sent
        return self.runs_enqueued - self.runs_sent + updates

    def __add__(self, other: "DeliveryCounts") -> "DeliveryCounts":
        return DeliveryCounts(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    def to_json(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)
