"""From tasks to results: each is given to workers until nothing of it is left, and results are read as they come.

a worker answers        the task's results are read from the store; what is left of it is given to a worker again
no answer, a failure    the same; a task that makes no progress so often ends the run
meanwhile               the store is polled for results of the tasks in progress
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass, field

from eval_pipeline.errors import EvalPipelineError, TransientError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.models.budget import Budget
from eval_pipeline.models.limits.throughput import ThroughputReport
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import AttemptKey, segment_place
from eval_pipeline.results.result_row import result_of_row
from eval_pipeline.results.task_log import task_part
from eval_pipeline.store.layout import results_prefix
from eval_pipeline.store.store import Store
from eval_pipeline.suite.spec.compute import AnyFanOut
from eval_pipeline.suite.spec.evaluation import Evaluation
from eval_pipeline.workers.dispatch.planning import Portion
from eval_pipeline.workers.dispatch.workers import Workers
from eval_pipeline.workers.task import TaskAnswer, TaskLimits, WorkerTask

_BATCHES_WAITING = 100
_LONGEST_WAIT_S = 60.0


@dataclass(kw_only=True)
class WorkerUsage:
    """What the workers of a run used and sent, as their answers say; that of a worker that died is not known."""

    tokens: int = 0
    cost_usd: float = 0.0
    priced: bool = True
    unpriced_models: set[str] = field(default_factory=set)
    answers: int = 0
    unsent_runs: int = 0
    """Spooled or dropped."""
    lost_workers: int = 0
    """Workers without an answer: traces that they had not sent are lost."""

    def add(self, answer: TaskAnswer) -> None:
        """One more answer."""
        self.answers += 1
        self.tokens += answer.tokens
        self.cost_usd += answer.cost_usd or 0.0
        self.priced = self.priced and (answer.cost_usd is not None or not answer.tokens)
        self.unpriced_models.update(answer.unpriced_models)
        self.unsent_runs += answer.runs_spooled + answer.runs_dropped

    def report(self) -> ThroughputReport:
        """As of a run that makes its attempts itself, but for how calls were spread out, which only workers know."""
        return ThroughputReport(
            tokens=self.tokens,
            cost_usd=self.cost_usd if self.priced and self.tokens else None,
            unpriced_models=tuple(sorted(self.unpriced_models)),
            endpoints=(),
        )


@dataclass(kw_only=True)
class _InFlight:
    portion: Portion
    open: set[AttemptKey]
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class TaskDispatcher:
    """Gives the tasks of one run to workers."""

    def __init__(
        self,
        workers: Workers,
        *,
        store: Store,
        record: ExperimentRecord,
        compute: AnyFanOut,
        evaluation: Evaluation,
        seen: Collection[str],
        warn: Callable[[str], object],
    ) -> None:
        """No worker is called yet.

        Args:
            workers: do the tasks; closed when `results` ends.
            store: where their results are.
            record: of the experiment.
            compute: how many at once, how often each is tried, and when to poll.
            evaluation: the suite's limits, which are those of all workers together.
            seen: objects of the result log that were there when it was read what is left.
            warn: is called with what went wrong and is tried again.
        """
        self.usage = WorkerUsage()
        self.not_begun: list[Attempt] = []
        """Attempts for which nothing was left of the budget."""
        self._workers, self._store, self._record, self._compute = workers, store, record, compute
        self._evaluation, self._seen, self._warn = evaluation, set(seen), warn
        self._in_flight: dict[str, _InFlight] = {}
        self._failure: EvalPipelineError | None = None
        self._batches: asyncio.Queue[list[CaseResult] | None] = asyncio.Queue(_BATCHES_WAITING)
        self._at_once = 1

    @property
    def spent(self) -> str | None:
        """Why no further task may begin; None if one may begin."""
        return self._budget().spent

    async def results(self, portions: Sequence[Portion]) -> AsyncGenerator[CaseResult, None]:
        """Every result of these tasks, as it appears.

        Raises:
            InfrastructureError: a task cannot be done; what others finished has been yielded.
            InputError: workers cannot use what the user wrote, or money is limited and a price is not known.
        """
        self._at_once = max(1, min(self._compute.max_parallel, len(portions)))
        room = asyncio.Semaphore(len(portions) or 1 if self._workers.takes_all else self._at_once)
        working = asyncio.ensure_future(self._all(portions, room))
        polling = asyncio.create_task(self._poll())
        try:
            while (batch := await self._batches.get()) is not None:
                for result in batch:
                    yield result
            await working
        finally:
            working.cancel()
            polling.cancel()
            await asyncio.gather(working, polling, return_exceptions=True)
            await self._workers.close()

    async def _all(self, portions: Sequence[Portion], room: asyncio.Semaphore) -> None:
        try:
            await asyncio.gather(*(self._one(portion, room) for portion in portions))
        finally:
            await self._batches.put(None)
        if self._failure is not None:
            raise self._failure

    async def _one(self, portion: Portion, room: asyncio.Semaphore) -> None:
        async with room:
            if self._failure is not None:
                return
            try:
                if self.spent is not None:
                    self.not_begun.extend(portion.attempts)
                    return
                await self._until_done(portion)
            except EvalPipelineError as error:
                # Those in flight are waited for: they are paid for.
                self._failure = self._failure or error

    async def _until_done(self, portion: Portion) -> None:
        name = portion.task.task
        state = self._in_flight[name] = _InFlight(portion=portion, open=portion.keys)
        without_progress = 0
        try:
            while True:
                before = len(state.open)
                error = await self._do_once(state)
                if not state.open:
                    return
                without_progress = 0 if len(state.open) < before else without_progress + 1
                if without_progress >= self._compute.tries:
                    raise TransientError(
                        f"{name} was given to a worker {without_progress} times, and {len(state.open)} of its attempts "
                        f"are not made: {error or 'its answer does not mention them'}",
                        fix="see the worker's log; then resume the run, which keeps what is finished",
                    ) from error
                if error is not None:
                    self._warn(f"{name} is given to a worker again: {error}")
                    await asyncio.sleep(min(_LONGEST_WAIT_S, 2.0**without_progress - 1))
        finally:
            del self._in_flight[name]

    async def _do_once(self, state: _InFlight) -> EvalPipelineError | None:
        """Have a worker do what is left of a task; what went wrong, if trying again can help."""
        task = state.portion.task
        error: EvalPipelineError | None = None
        try:
            answer = await self._workers.do(self._call(task))
            self.usage.add(answer)
            if answer.failure is not None:
                error = answer.failure.error(task.task)
        except TransientError as raised:
            self.usage.lost_workers += 1
            error = raised
        try:
            await self._read(state)
        except TransientError as raised:
            error = error or raised
        if error is not None and not error.retryable and state.open:
            raise error
        return error

    def _call(self, task: WorkerTask) -> WorkerTask:
        return task.model_copy(update={"call": uuid.uuid4().hex, "limits": self._limits()})

    def _limits(self) -> TaskLimits:
        """One worker's share. Of a budget, its share of what is left, so that all together stay within it."""
        limits, count = self._evaluation, self._at_once
        tokens, cost = limits.max_tokens, limits.max_cost_usd
        return TaskLimits(
            requests_per_minute=None if limits.requests_per_minute is None else limits.requests_per_minute / count,
            tokens_per_minute=None if limits.tokens_per_minute is None else limits.tokens_per_minute / count,
            max_tokens=None if tokens is None else max(1, (tokens - self.usage.tokens) // count),
            max_cost_usd=None if cost is None else max(1e-9, (cost - self.usage.cost_usd) / count),
        )

    def _budget(self) -> Budget:
        limits, usage = self._evaluation, self.usage
        return Budget(
            max_tokens=limits.max_tokens,
            max_cost_usd=limits.max_cost_usd,
            tokens=usage.tokens,
            cost_usd=usage.cost_usd,
            unpriced=set(usage.unpriced_models),
        )

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._compute.poll_s)
            for state in list(self._in_flight.values()):
                with contextlib.suppress(TransientError):  # the next poll, or the read after the answer, will do
                    await self._read(state)

    async def _read(self, state: _InFlight) -> None:
        """Pass on the new results of a task."""
        async with state.reading:
            batch = await asyncio.to_thread(self._new, state)
            state.open -= {(result.case_id, result.attempt) for result in batch}
            if batch:
                await self._batches.put(batch)

    def _new(self, state: _InFlight) -> list[CaseResult]:
        prefix = results_prefix(self._record.suite, self._record.experiment) + task_part(state.portion.task.task)
        new: dict[AttemptKey, CaseResult] = {}
        for key in self._store.list(prefix):
            _, first, last = segment_place(key)
            # A merged segment has nothing that is not in those it was merged from.
            if key in self._seen or first != last or not key.endswith(".parquet"):
                continue
            table = self._store.get_table(key)
            self._seen.add(key)
            rows = [] if table is None else table.to_pylist()
            own = [row for row in rows if (row["case_id"], row["attempt"]) in state.open]
            values = LargeValues(self._store, self._record.suite, self._record.experiment)
            results = [result_of_row(row, values) for row in own]
            new.update({(result.case_id, result.attempt): result for result in results})
        return list(new.values())
