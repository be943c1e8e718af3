"""What became of everything that was handed over: the numbers that must add up at the end."""

from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of one destination, in one process. `enqueued = sent + spooled + dropped + waiting`."""

    runs_enqueued: int = 0
    runs_sent: int = 0
    runs_spooled: int = 0
    """On disk now, to be sent again."""
    runs_refused: int = 0
    """Of those spooled: refused for what they are, each by itself."""
    runs_dropped: int = 0
    """Lost: the spool was full, or its disk was."""
    runs_sampled_out: int = 0
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
        """Enqueued, and neither sent nor put aside yet."""
        return self.runs_enqueued - self.runs_sent - self.runs_spooled - self.runs_dropped

    @property
    def nothing_lost(self) -> bool:
        """Whether everything is there or on disk."""
        return not (self.runs_dropped or self.feedback_dropped)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    def to_json(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)
