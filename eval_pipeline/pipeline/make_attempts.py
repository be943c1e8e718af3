"""Making attempts and recording them, for whoever has some to make: a run of Dagster, or a worker."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.checkpoints import checkpoint_file, open_checkpoints
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.run import Throughput
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.results.case_result import CaseResult


async def make_attempts(
    evaluator: CaseEvaluator,
    attempts: Iterable[Attempt],
    *,
    recorder: ResultRecorder,
    throughput: Throughput,
    told: Callable[[CaseResult], None],
) -> None:
    """Make attempts, `max_concurrency` of the suite at a time, and record each.

    Args:
        evaluator: makes them.
        attempts: taken as there is room for them.
        recorder: is given every result.
        throughput: governs model calls.
        told: is told every result, when it has been given to the recorder.

    Raises:
        InfrastructureError: the world around us failed.
        InputError: money is limited, and a model was called that no price is known of.
    """
    concurrency = evaluator.suite.spec.evaluation.max_concurrency
    begun: dict[tuple[str, int], Attempt] = {}

    def beginning() -> Iterable[Attempt]:
        for attempt in attempts:
            begun[attempt.case.id, attempt.number] = attempt
            yield attempt

    async with _checkpointed(evaluator) as makes:
        results = evaluate_all(
            makes, beginning(), max_concurrency=concurrency, throughput=throughput, keep=recorder.keep
        )
        async for result in results:
            if result.status == "skipped":
                await recorder.add(result)
            told(result)
            attempt = begun.pop((result.case_id, result.attempt))
            # One that erred may be made again, from where it broke.
            if result.status in {"passed", "failed"}:
                await makes.forget(attempt)


@contextlib.asynccontextmanager
async def _checkpointed(evaluator: CaseEvaluator) -> AsyncIterator[CaseEvaluator]:
    """`evaluator`, which keeps attempts while it makes them if the suite says so."""
    file = checkpoint_file(evaluator.suite)
    if file is None:
        yield evaluator
        return
    async with open_checkpoints(file) as checkpoints:
        yield replace(evaluator, checkpoints=checkpoints)
