"""`CaseEvaluator`: makes attempts at cases; an attempt always ends in a result."""

import asyncio
import contextlib
import datetime as dt
import functools
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langsmith.utils import tracing_is_enabled

from eval_pipeline.context.reads import ContextReads, merged_reads
from eval_pipeline.context.shared_context import SharedContext, use_shared_context
from eval_pipeline.errors import InfrastructureError, InputError
from eval_pipeline.evaluation.attempt import Attempt, AttemptTracer
from eval_pipeline.evaluation.attempt_runtime import AttemptRuntime, Playing, not_carried_out
from eval_pipeline.evaluation.checkpoints import attempt_thread
from eval_pipeline.evaluation.events import Event, Listener, in_this_thread
from eval_pipeline.evaluation.fingerprints import Fingerprints
from eval_pipeline.evaluation.limits import LimitWatch
from eval_pipeline.evaluation.outcome import overall_score, status_of
from eval_pipeline.evaluation.redacting import redacted_result
from eval_pipeline.evaluation.simulated_user import open_user
from eval_pipeline.evaluation.stored_answer import StoredSession
from eval_pipeline.evaluation.workflow import make_attempt
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.models.budget import current_budget
from eval_pipeline.models.calls.failures import require_accepted_key
from eval_pipeline.models.limits.working_time import WorkingTime
from eval_pipeline.models.prices import PriceTable, price_table
from eval_pipeline.models.usage import UsageHandler, counting_attempt
from eval_pipeline.prompts.current import use_prompt
from eval_pipeline.prompts.suite_prompts import NO_PROMPTS, SuitePrompts
from eval_pipeline.redaction.identifiers import with_identifiers
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.streaming import StreamRedactor
from eval_pipeline.results.case_result import AssertionResult, CaseResult, EvaluationError, SimulationResult, TurnResult
from eval_pipeline.results.usage import AttemptUsage, TokenUsage
from eval_pipeline.runs.call_counting import counting_runs
from eval_pipeline.runs.place import AttemptPlace
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.attachments import use_attachments
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import Fingerprinted
from eval_pipeline.suite.suite import Suite
from eval_pipeline.targets.session import Session, SessionFactory
from eval_pipeline.telemetry.attempt_ids import use_attempt_ids
from eval_pipeline.user_code.exits import contain_exits

SKIPPED = "Skipped"
"""Stands where a row has the name of an error's class."""
_REDACTOR = Redactor()
_MANY_CHARACTERS = 100_000
"""Of answers; redacting more takes so long that it is done in a thread, while other attempts go on."""
_CLOSING_SECONDS = 10.0
"""Seconds that a target has to close what it opened for an attempt."""


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What every attempt of one experiment has in common."""

    experiment: str
    dataset_version: str
    context_id: str | None
    target_version: str
    variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaseEvaluator:
    """Makes attempts at the cases of a suite: its target, the shared context, and the pins of the experiment."""

    suite: Suite
    target: SessionFactory
    context: SharedContext | None
    pins: Pins
    tracer: AttemptTracer | None = None
    checkpoints: BaseCheckpointSaver[str] | None = None
    """Where the state of attempts is kept, so that one that was killed is resumed; see `checkpoints.py`."""
    prompts: SuitePrompts = NO_PROMPTS
    """The target's prompt; the judge's is in `suite`, where `SuitePrompts.applied` puts it."""
    redactor: Redactor = _REDACTOR
    """Redacts every result, so that no later step has to."""
    default_timeout_s: float = 300.0
    """Seconds for one attempt of a suite that gives none."""

    def configured(self, settings: LangSmithSettings) -> Self:
        """This evaluator with the redaction and the time limit of `settings`."""
        return replace(self, redactor=Redactor.of(settings), default_timeout_s=settings.evaluation_timeout_seconds)

    def attempts(self, case: Case, repetitions: int | None) -> list[Attempt]:
        """The attempts to make at `case`."""
        return [Attempt(case=case, number=number + 1) for number in range(self.target.attempts(case, repetitions))]

    async def evaluate(self, attempt: Attempt, *, listener: Listener | None = None) -> CaseResult:
        """Make one attempt. Whatever the target or an assertion raises is in the result.

        Args:
            attempt: the case and the attempt's number.
            listener: is called with every event, redacted, as it happens.

        Raises:
            InfrastructureError: something around the case failed, so that there is no result of it.
        """
        if listener is not None:
            listener = in_this_thread(_redacting(listener, self.redactor))
        with no_ambient_tracing():
            if self.tracer is None:
                with untraced():
                    return await self._redacted(await self._evaluate(attempt, listener))
            with self.tracer.attempt(attempt) as trace:
                result = await self._evaluate(attempt, listener, place=trace.place)
                return trace.finish(await self._redacted(result))

    async def _redacted(self, result: CaseResult) -> CaseResult:
        if sum(len(turn.response) for turn in result.turns) > _MANY_CHARACTERS:
            return await asyncio.to_thread(redacted_result, result, self.redactor)
        return redacted_result(result, self.redactor)

    async def _evaluate(
        self, attempt: Attempt, listener: Listener | None, *, place: AttemptPlace | None = None
    ) -> CaseResult:
        started_at = dt.datetime.now(tz=dt.UTC)
        case, error, runtime = attempt.case, None, None
        seconds = self.suite.spec.evaluation.timeout_s
        limit = WorkingTime(self.default_timeout_s if seconds is None else seconds)
        context = use_shared_context(self.context, case_id=case.id) if self.context else contextlib.nullcontext(None)
        prompt = use_prompt(self.prompts.filled(self.suite, case.runtime.test_data))
        ids = use_attempt_ids(
            example_id=case.id if self.tracer is None else self.tracer.example_id(case.id),
            shared_ctx_id=self.pins.context_id,
        )
        counted = UsageHandler(self._prices, current_budget())
        files = use_attachments(case, self.suite.folder)
        with context as reads, prompt, ids, counting_attempt(counted), counting_runs(counted), files:
            try:
                with contain_exits("the target"):
                    runtime = self._runtime(attempt, place, listener)
                async with limit, _begun(runtime.session):
                    thread_id = "" if self.checkpoints is None else self._thread(attempt)
                    await make_attempt(runtime, self.checkpoints, thread_id)
                if limit.expired():
                    raise TimeoutError  # noqa: TRY301 - the work was cancelled and ran on to its end
            except InfrastructureError:
                raise
            except Exception as raised:  # noqa: BLE001 - an error of a case is its result, so that no other case is lost
                require_accepted_key(raised)
                error = EvaluationError.of(raised)
                # The target may raise a TimeoutError of its own, which is another thing.
                if limit.expired():
                    source = "evaluation_timeout_seconds" if seconds is None else "evaluation.timeout_s"
                    message = f"no end after {limit.seconds:g} s ({source})"
                    error = EvaluationError(name="TimeoutError", message=message, traceback="")
        if error is None and counted.problems:
            error = EvaluationError.of(InputError(counted.problems))
        if error is not None and listener is not None:
            listener({"event": "error", "test_name": case.id, "message": error.message})
        turns, results = (runtime.turns, runtime.results) if runtime else ([], [])
        if error is not None:
            results = [*results, *not_carried_out(self.fingerprints, case, done=results)]
        simulation = runtime.simulation() if runtime else None
        events = [event for turn in turns for event in turn.events]
        if runtime is not None and runtime.answered and runtime.stored is not None:
            known = self._known(reads)
            rescored = self._rescored(attempt, started_at, runtime, counted.of_attempt(()), error, known)
            return replace(rescored, costs=counted.costs(()))
        usage = counted.of_attempt(events)
        if simulation is not None:
            # Of a resumed attempt only some of the calls were counted: a part of the cost is not the cost.
            whole = usage.user.calls + usage.user.cached_calls >= simulation.calls
            simulation = replace(simulation, cost_usd=usage.user.cost_usd if whole else None)
        result = self._result(
            attempt,
            started_at,
            turns=turns,
            results=results,
            simulation=simulation,
            usage=usage,
            error=error,
            limit=None if runtime is None else runtime.limit,
        )
        return replace(result, costs=counted.costs(events), context_reads=self._known(reads))

    def _known(self, reads: ContextReads | None) -> str | None:
        """What was read, as JSON; None where not all of it is known, or where it may not be stored."""
        if reads is None or self.suite.spec.context.reads == "whole":
            return None
        if not getattr(self.target, "reads_context_here", False):
            return None
        text = reads.as_text()
        return text if text is not None and self.redactor.text(text) == text else None

    def _rescored(
        self,
        attempt: Attempt,
        started_at: dt.datetime,
        runtime: AttemptRuntime,
        usage: AttemptUsage,
        error: EvaluationError | None,
        reads: str | None,
    ) -> CaseResult:
        """The result of an attempt with a stored answer, which took what it took then, and costs nothing now."""
        assert runtime.stored is not None
        earlier, results = runtime.stored.result, list(runtime.results)
        if error is not None:
            results += not_carried_out(self.fingerprints, attempt.case, done=results)
        own = replace(usage, target=replace(usage.target, cost_usd=0.0))
        scored = self._result(
            attempt,
            started_at,
            turns=earlier.turns,
            results=results,
            simulation=earlier.simulation,
            usage=own,
            error=error,
        )
        return replace(
            scored,
            latency_s=earlier.latency_s,
            tokens=earlier.tokens,
            cost_usd=earlier.cost_usd,
            status="limit" if earlier.status == "limit" else scored.status,
            limit=earlier.limit,
            context_reads=merged_reads(earlier.context_reads, reads),
            answer_fingerprint=self._identity_of_answer(attempt.case, earlier),
            answer_without_context=earlier.answer_without_context,
            answer_from=runtime.stored.origin,
        )

    def _identity_of_answer(self, case: Case, earlier: CaseResult) -> str | None:
        """The fingerprint of an earlier answer: that of one made now, if it differs in the context alone."""
        own = self.fingerprints.answer_without_context(case)
        same = own is not None and own == earlier.answer_without_context
        return self.answer_fingerprint(case) if same else earlier.answer_fingerprint

    def skipped(self, attempt: Attempt, reason: str) -> CaseResult:
        """The result of an attempt that was not made, neither passed nor failed; a run that resumes makes it."""
        error = EvaluationError(name=SKIPPED, message=reason, traceback="")
        now = dt.datetime.now(tz=dt.UTC)
        result = self._result(attempt, now, turns=(), results=(), simulation=None, usage=AttemptUsage(), error=error)
        return replace(result, status="skipped")

    async def forget(self, attempt: Attempt) -> None:
        """Remove the checkpoints of an attempt whose result is kept."""
        if self.checkpoints is not None:
            await self.checkpoints.adelete_thread(self._thread(attempt))

    def fingerprint(self, case: Fingerprinted) -> str:
        """A hash of what the result of an attempt depends on; equal fingerprints need no second run."""
        return self.fingerprints.whole(case)

    def answer_fingerprint(self, case: Case) -> str:
        """A hash of what the answer of an attempt depends on; equal ones need no second call of the target."""
        return self.fingerprints.answer(case)

    @functools.cached_property
    def fingerprints(self) -> Fingerprints:
        """What identifies answers and scores."""
        return Fingerprints(
            suite=self.suite,
            context=self.context,
            target_version=self.pins.target_version,
            variant=self.pins.variant,
            reads_case=getattr(self.target, "reads_case", True),
        )

    @functools.cached_property
    def _prices(self) -> PriceTable:
        file = self.suite.spec.evaluation.prices
        return price_table(None if file is None else self.suite.path(file))

    @property
    def _user_model(self) -> str | None:
        return None if self.suite.spec.simulated_user is None else self.suite.spec.simulated_user.model

    def _thread(self, attempt: Attempt) -> str:
        return attempt_thread(
            suite=self.suite.name,
            experiment=self.pins.experiment,
            case_id=attempt.case.id,
            attempt=attempt.number,
            fingerprint=self.fingerprint(attempt.case),
        )

    def _runtime(self, attempt: Attempt, place: AttemptPlace | None, listener: Listener | None) -> AttemptRuntime:
        case = attempt.case
        # A resumed attempt must find its thread.
        thread = uuid.uuid4() if self.checkpoints is None else uuid.uuid5(uuid.NAMESPACE_URL, self._thread(attempt))
        stored, answered = attempt.stored, attempt.stored is not None and self.suite.spec.target.live
        if answered and stored is not None:
            session = cast("Session", StoredSession(stored))
        else:
            session = self.target.open(case, attempt=attempt.number, thread_id=str(thread))
        simulation = case.simulation if session.script is None else None
        user = None
        if simulation is not None:
            user = open_user(case, simulation, folder=self.suite.folder, default_model=self._user_model)
        playing = Playing()
        if stored is not None and answered and stored.result.simulation is not None:
            playing.end(stored.result.simulation.ended, stored.result.simulation.reason)
        return AttemptRuntime(
            case=case,
            number=attempt.number,
            listener=listener,
            fingerprints=self.fingerprints,
            stored=stored,
            answered=answered,
            playing=playing,
            session=session,
            text_path=self.suite.spec.target.text_path,
            user=user,
            observed=bool(tracing_is_enabled()),
            durable=self.checkpoints is not None,
            limits=LimitWatch(limits=self.suite.spec.limits) if self.suite.spec.limits.any and not answered else None,
            assertions=self.suite.spec.assertions,
            context=self.context,
            folder=self.suite.folder,
            judge=self.suite.spec.judge,
            place=place,
        )

    def _result(
        self,
        attempt: Attempt,
        started_at: dt.datetime,
        *,
        turns: Sequence[TurnResult],
        results: Sequence[AssertionResult],
        simulation: SimulationResult | None,
        usage: AttemptUsage,
        error: EvaluationError | None,
        limit: str | None = None,
    ) -> CaseResult:
        case = attempt.case
        fingerprint, without_context = self.fingerprints.with_and_without_context(case)
        return CaseResult(
            suite=self.suite.name,
            experiment=self.pins.experiment,
            case_id=case.id,
            attempt=attempt.number,
            variant=self.pins.variant,
            split=case.split,
            tags=case.tags,
            status=status_of(results, error, limit),
            limit=limit,
            score=overall_score(results, error),
            assertions=tuple(results),
            turns=tuple(turns),
            started_at=started_at,
            latency_s=sum((turn.latency_s for turn in turns), 0.0),
            tokens=TokenUsage(input=usage.target.input, output=usage.target.output, cached=usage.target.cached),
            cost_usd=usage.target.cost_usd,
            usage=usage,
            context_id=self.pins.context_id,
            dataset_version=self.pins.dataset_version,
            target_version=self.pins.target_version,
            fingerprint=fingerprint,
            answer_fingerprint=self.answer_fingerprint(case),
            fingerprint_without_context=without_context,
            answer_without_context=self.fingerprints.answer_without_context(case),
            error=error,
            simulation=simulation,
        )


@contextlib.asynccontextmanager
async def _begun(session: Session) -> AsyncIterator[None]:
    """Within it the session is ready."""
    try:
        with contain_exits("the target"):
            await session.begin()
        yield
    finally:
        with contain_exits("the target"):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await session.close()


def _redacting(listener: Listener, redactor: Redactor) -> Listener:
    """`listener`, which gets events redacted. Pieces of an answer wait until no secret can begin in them."""
    stream = StreamRedactor(redactor.text)
    last_piece: dict[str, Any] = {}

    def pass_on(event: Event) -> None:
        if event.get("type") == "token" and isinstance(event.get("content"), str):
            last_piece.update(event)
            for piece in stream.add(event["content"]):
                listener({**event, "content": piece})
            return
        for piece in stream.finish():
            listener({**last_piece, "content": piece})
        listener(with_identifiers(event, redactor.value(event)))

    return pass_on
