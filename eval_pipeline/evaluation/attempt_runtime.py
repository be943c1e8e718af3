"""One attempt in progress, as LangGraph's runtime context of its workflow."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eval_pipeline.assertions.scope import Scope
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.events import Event, Listener
from eval_pipeline.evaluation.fingerprints import Fingerprints, ScoreIdentity
from eval_pipeline.evaluation.limits import LimitWatch
from eval_pipeline.evaluation.simulated_user import UserMove, UserSimulator
from eval_pipeline.evaluation.stored_answer import StoredAnswer
from eval_pipeline.results.case_result import AssertionResult, Ended, EvaluationError, SimulationResult, TurnResult
from eval_pipeline.results.result_row import storable
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.runs.collected_run import CollectedRun
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.targets.session import Session


@dataclass(kw_only=True)
class Playing:
    """The state of a simulated conversation."""

    turns: int = 0
    moves: list[UserMove] = field(default_factory=list)
    ended: Ended | None = None
    reason: str = ""

    def end(self, ended: Ended, reason: str) -> None:
        """End the conversation."""
        self.ended, self.reason = ended, reason


@dataclass(frozen=True, kw_only=True)
class AttemptRuntime:
    """One attempt in progress: what it works with, its turns and its results so far."""

    case: Case
    number: int
    """The attempt's, 1 for the first."""
    session: Session
    listener: Listener | None
    """Is called with every event, in the thread of the evaluation."""
    assertions: Sequence[Assertion]
    """The suite's, which come before the case's own assertions on the conversation."""
    context: SharedContext | None
    folder: Path
    judge: Judge | None
    text_path: str | None = None
    """The path that the text of a reply is read by, if the suite gives one."""
    user: UserSimulator | None = None
    """Plays the user after the written turns."""
    fingerprints: Fingerprints
    """Identify the scores."""
    stored: StoredAnswer | None = None
    """An earlier result, whose scores stand for those of assertions that have not changed."""
    answered: bool = False
    """Whether its turns stand for those of the target, which is not called."""
    observed: bool = True
    """Whether a trace records the steps; if not, they are plain calls."""
    place: AttemptPlace | None = None
    """Where the attempt is in LangSmith; None if it is not traced."""
    limits: LimitWatch | None = None
    """Counts what the target uses, where the suite limits it."""
    durable: bool = False
    """Whether the attempt is checkpointed, so that what its tasks return must be complete."""
    turns: list[TurnResult] = field(default_factory=list)
    runs: dict[int, Sequence[CollectedRun]] = field(default_factory=dict)
    """By turn, what ran in it in this process, where an assertion needs it."""
    results: list[AssertionResult] = field(default_factory=list)
    inputs: dict[int, Any] = field(default_factory=dict)
    """By turn, its input as the case, the recording or the simulated user has it."""
    returned: dict[int, Any] = field(default_factory=dict)
    """By turn, what the target returned in this process, as the object it is."""
    playing: Playing = field(default_factory=Playing)

    @functools.cached_property
    def needs_runs(self) -> bool:
        """Whether an assertion looks at the runs of the attempt."""
        return any(assertion.needs_runs for assertion in (*self.assertions, *self.case.every_assertion))

    @functools.cached_property
    def _place(self) -> AttemptPlace:
        return self.place or AttemptPlace.untraced(self.case.id)

    def report(self, event: Event) -> None:
        """Report an event to the listener, if there is one."""
        if self.listener is not None:
            self.listener(event)

    def scope(self, turn: int | None) -> Scope:
        """What an assertion can see now."""
        return Scope(
            case=self.case,
            turns=tuple(self.turns),
            turn=turn,
            returned=self.returned,
            runs=self.runs,
            place=self._place if self.needs_runs else None,
            context=self.context,
            recording=self.session.recording,
            folder=self.folder,
            judge=self.judge,
        )

    def assertions_on(self, turn: int | None) -> Sequence[Assertion]:
        """The assertions placed on a turn, or on the conversation."""
        return assertions_at(turn, self.assertions, self.case)

    def scores_on(self, turn: int | None) -> list[tuple[Assertion, ScoreIdentity, list[AssertionResult]]]:
        """The assertions on a turn or on the conversation, each with the stored scores that stand for its own."""
        identified, stored = self.fingerprints.scores(self.assertions_on(turn), self.case), self.stored
        if stored is None:
            return [(assertion, identity, []) for assertion, identity in identified]
        scores = [
            (assertion, identity, stored.scores(turn, identity.fingerprint, assertion.metric))
            for assertion, identity in identified
        ]
        return [each for each in scores if each[2] or not stored.is_kept(each[0].metric)]

    def to_data(self) -> dict[str, Any]:
        """The state of the finished attempt, as plain data."""
        return {
            "turns": [plain(turn) for turn in self.turns],
            "results": [plain(result) for result in self.results],
            "playing": plain(self.playing),
            "limit": self.limit,
        }

    def turn_data(self) -> dict[str, Any]:
        """The turn that ended last, from which another process can resume, as plain data."""
        return {"turn": plain(self.turns[-1]), "memory": self.session.memory(), "limit": self.limit}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over the state that `to_data` returned."""
        self.turns.extend(turn_of(turn) for turn in data["turns"])
        self.results.extend(assertion_result_of(result) for result in data["results"])
        self.reach(data.get("limit"))
        playing = data["playing"]
        self.playing.turns = playing["turns"]
        self.playing.moves.extend(UserMove(**move) for move in playing["moves"])
        self.playing.ended, self.playing.reason = playing["ended"], playing["reason"]

    @property
    def limit(self) -> str | None:
        """The limit that was reached, if one was."""
        return None if self.limits is None else self.limits.reached

    def allows_turn(self, index: int) -> bool:
        """Whether the attempt may take a turn, after so many."""
        return self.limits is None or self.limits.allows_turn(index)

    def reach(self, limit: str | None) -> None:
        """Take over a limit that was reached before this process began."""
        if self.limits is not None and limit is not None:
            self.limits.reached = limit

    def simulation(self) -> SimulationResult | None:
        """How the simulation ended, if there was one; `error` if something interrupted it."""
        if self.user is None:
            return None
        used = [usage for move in self.playing.moves for usage in move.usage]
        return SimulationResult(
            ended=self.playing.ended or "error",
            reason=self.playing.reason,
            turns=self.playing.turns,
            model=self.user.model_name,
            calls=sum(move.calls for move in self.playing.moves),
            tokens=TokenUsage(
                input=sum(usage["input_tokens"] for usage in used),
                output=sum(usage["output_tokens"] for usage in used),
                cached=sum(usage["cached_tokens"] for usage in used),
            ),
        )


def assertions_at(turn: int | None, suite_assertions: Sequence[Assertion], case: Case) -> Sequence[Assertion]:
    """The assertions of a suite and a case that are placed on a turn, or on the conversation."""
    if turn is None:
        return [*suite_assertions, *case.assertions]
    if turn < len(case.turns):
        return case.turns[turn].assertions
    return () if case.simulation is None else case.simulation.assertions


def placed_assertions(
    suite_assertions: Sequence[Assertion], case: Case, *, turns: int
) -> Iterator[tuple[int | None, Sequence[Assertion]]]:
    """The assertions on each of the turns that were taken, and on the conversation."""
    for turn in (*range(turns), None):
        yield turn, assertions_at(turn, suite_assertions, case)


def not_carried_out(
    fingerprints: Fingerprints, case: Case, *, done: Sequence[AssertionResult] = ()
) -> list[AssertionResult]:
    """A result without a score for each assertion of a case that has no result among `done`.

    Args:
        fingerprints: identify the scores of the suite's and the case's assertions.
        case: with its own assertions.
        done: the results of the attempt before it ended in an error.
    """
    carried_out = {(result.turn, result.type) for result in done}
    results = []
    for turn, assertions in placed_assertions(fingerprints.suite.spec.assertions, case, turns=len(case.turns)):
        for assertion, identity in fingerprints.scores(assertions, case):
            result = AssertionResult(
                name=assertion.metric,
                type=assertion.type,
                turn=turn,
                passed=None,
                score=None,
                weight=assertion.weight,
                message="not carried out: the attempt ended in an error before",
                worst=assertion.worst_value,
            )
            if (turn, assertion.type) not in carried_out:
                results.append(identity.given_to(result))
    return results


def plain(value: Any) -> Any:
    """A dataclass as data that JSON and msgpack can hold; other objects in a target's events become text."""
    return json.loads(json.dumps(storable(asdict(value)), default=str))


def turn_of(data: Mapping[str, Any]) -> TurnResult:
    """The turn that `plain` made data of."""
    return TurnResult(**{**data, **{name: tuple(data[name]) for name in ("events", "messages")}})


def assertion_result_of(data: Mapping[str, Any]) -> AssertionResult:
    """The result that `plain` made data of."""
    error = None if data["error"] is None else EvaluationError(**data["error"])
    return AssertionResult(**{**data, "error": error, "votes": tuple(data["votes"]), "usage": tuple(data["usage"])})
