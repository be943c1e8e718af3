"""Making attempts and recording their results, in a run of Dagster or in a worker."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import UNKEPT, evaluate_all
from eval_pipeline.evaluation.checkpoints import checkpoint_file, open_checkpoints
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.pipeline.record_results import ResultRecorder
from eval_pipeline.results.case_result import COMPLETED, CaseResult


async def make_attempts(
    evaluator: CaseEvaluator,
    attempts: Iterable[Attempt],
    *,
    recorder: ResultRecorder,
    throughput: Throughput,
    on_result: Callable[[CaseResult], None],
    unkept: int = UNKEPT,
) -> None:
    """Make attempts, `max_concurrency` of the suite at a time, and record each.

    Args:
        evaluator: makes them.
        attempts: taken as there is room for them.
        recorder: takes every result.
        throughput: governs model calls.
        on_result: is called with every result, after the recorder has it.
        unkept: as that of `evaluate_all`.

    Raises:
        InfrastructureError: something around the cases failed.
        InputError: money is limited, and a model was called whose price is not known.
    """
    concurrency = evaluator.suite.spec.evaluation.max_concurrency
    begun: dict[tuple[str, int], Attempt] = {}

    def beginning() -> Iterable[Attempt]:
        for attempt in attempts:
            begun[attempt.case.id, attempt.number] = attempt
            yield attempt

    async with _checkpointed(evaluator) as checkpointed:
        results = evaluate_all(
            checkpointed,
            beginning(),
            max_concurrency=concurrency,
            throughput=throughput,
            keep=recorder.keep,
            unkept=unkept,
        )
        async with contextlib.aclosing(results):
            async for result in results:
                if result.status == "skipped":
                    await recorder.add(result)
                on_result(result)
                attempt = begun.pop((result.case_id, result.attempt))
                # One that ended in an error may be made again, from where it broke.
                if result.status in COMPLETED:
                    await checkpointed.forget(attempt)


@contextlib.asynccontextmanager
async def _checkpointed(evaluator: CaseEvaluator) -> AsyncIterator[CaseEvaluator]:
    """`evaluator`, which writes checkpoints of its attempts if the suite says so."""
    file = checkpoint_file(evaluator.suite)
    if file is None:
        yield evaluator
        return
    async with open_checkpoints(file) as checkpoints:
        yield replace(evaluator, checkpoints=checkpoints)
