"""`EvalRunner`: evaluating cases from Python, without Dagster.

    runner = EvalRunner("support_desk", model="openai:gpt-4o")
    result = await runner.arun("order-status")            # or a Case, or the mapping that a case is in YAML
    async for event in runner.astream("order-status"): …  # what happens, as it happens
    result = runner.run("order-status")                   # the same from code that knows no event loop
    for event in runner.stream("order-status"): …

and for many at once `abatch`, `astream_batch`, `batch`, `stream_batch`.
"""

import asyncio
import contextlib
import dataclasses
import functools
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

from pydantic import ValidationError

from eval_pipeline.assertions.judges.pulled_corrections import corrections_now
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt import Attempt, AttemptTracer
from eval_pipeline.evaluation.batch_workflow import BatchRuntime, evaluate_batch
from eval_pipeline.evaluation.checkpoints import open_checkpoints
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.evaluation.events import Event, Listener, events_of, iterate
from eval_pipeline.pipeline.begin import open_evaluator
from eval_pipeline.pipeline.prepare import build_context
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.prompts.suite_prompts import NO_PROMPTS
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.settings import LangSmithSettings, store_root
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.discovery import suite_folder
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.suite import Suite, SuiteSpec, read_suite
from eval_pipeline.targets.opening import open_given_target, target_version
from eval_pipeline.targets.recorded import RecordedTarget
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.wording import nearest

_log = logger_of(__name__)

CaseLike = Case | Mapping[str, Any] | str
"""A case, the mapping that it is in YAML, or the id of one of the suite's."""


class RuntimeChoice(TypedDict, total=False):
    """How the target is configured; what is chosen for a call goes before the runner's, and that before the case's."""

    model: str | None
    version: str | None
    temperature: float | None
    start_agent: str | None
    test_data: Mapping[str, Any]


class EvalRunner:
    """Evaluates cases of a suite, or cases made in Python against a callable or a graph."""

    def __init__(
        self,
        suite: Suite | Path | str | None = None,
        *,
        target: Any = None,
        store: Store | str | None = None,
        context: SharedContext | None = None,
        max_concurrency: int | None = None,
        experiment: str | None = None,
        checkpoints: Path | str | None = None,
        tracer: AttemptTracer | None = None,
        **runtime: Unpack[RuntimeChoice],
    ) -> None:
        """Nothing is opened yet. Nothing is traced but by `tracer`, whatever the environment says.

        Args:
            suite: a suite, its folder or its name; without one, `target` is evaluated.
            target: instead of the suite's: a callable, a compiled graph, or a `SessionFactory`.
            store: where shared contexts are kept; by default what `EVAL_PIPELINE_STORE` says, or `./data`.
            context: instead of the one that the suite describes.
            max_concurrency: attempts in flight in a batch; by default the suite's.
            experiment: what results belong to. With `checkpoints`, attempts of the same experiment are resumed.
            checkpoints: an SQLite file; attempts that a kill interrupted are resumed at the turn they had reached.
            tracer: traces each attempt.
            runtime: `model`, `version`, `temperature`, `start_agent`, `test_data`.

        Raises:
            InputError: there is neither a suite nor a target, the suite cannot be read, or an option is unknown.
        """
        if suite is None and target is None:
            raise InputError(Problem(message="there is nothing to evaluate", fix="give a suite, or a `target`"))
        _require_known(runtime)
        exempt_loopback_from_proxies()
        self.suite = _suite(suite)
        self._target, self._store, self._tracer, self._runtime = target, store, tracer, runtime
        self._given_context, self._checkpoints = context, checkpoints
        self._max_concurrency = max_concurrency or self.suite.spec.evaluation.max_concurrency
        unique = "" if checkpoints is not None else f"-{uuid.uuid4().hex[:8]}"
        self.experiment = experiment or f"{self.suite.name}-runner{unique}"
        self._opening = threading.Lock()
        self._opened: CaseEvaluator | None = None

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The suite's cases.

        Raises:
            InputError: some are wrong; carries every problem.
        """
        return load_dataset(self.suite, redactor=Redactor.of(self._settings))

    async def arun(
        self, case: CaseLike, *, listener: Listener | None = None, **runtime: Unpack[RuntimeChoice]
    ) -> CaseResult:
        """The result of one attempt at `case`; whatever the target or an assertion raises is in it.

        `listener` is called with each event as it happens.

        Raises:
            InputError: there is no such case, or it is wrong.
            InfrastructureError: something around the case failed.
        """
        return await self._evaluate(case, runtime, listener)

    def run(self, case: CaseLike, **runtime: Unpack[RuntimeChoice]) -> CaseResult:
        """As `arun`, waited for."""
        return run_in_loop(self.arun(case, **runtime))

    async def arun_test(self, test_case: CaseLike, version: str | None = None) -> CaseResult:
        """As `arun`, with the version of the target by position."""
        return await self.arun(test_case, version=version)

    def run_test(self, test_case: CaseLike, version: str | None = None) -> CaseResult:
        """As `arun_test`, waited for."""
        return run_in_loop(self.arun_test(test_case, version))

    def astream(self, case: CaseLike, **runtime: Unpack[RuntimeChoice]) -> AsyncGenerator[Event, None]:
        """What happens in an attempt at `case`, as it happens. Ending the iteration cancels the attempt."""
        return events_of(lambda listener: self._evaluate(case, runtime, listener))

    def stream(self, case: CaseLike, **runtime: Unpack[RuntimeChoice]) -> Generator[Event, None, None]:
        """As `astream`, for code that knows no event loop."""
        return iterate(self.astream(case, **runtime))

    async def abatch(
        self, cases: Iterable[CaseLike] | None = None, **runtime: Unpack[RuntimeChoice]
    ) -> list[CaseResult]:
        """The results of `cases`, by default of all of the suite's, in the order in which they ended."""
        results: list[CaseResult] = []
        async with self._evaluator() as evaluator:
            batch = self._batch(evaluator, cases, runtime, keep=results.append)
            await evaluate_batch.ainvoke({"total": len(batch.attempts)}, context=batch)
        return results

    def batch(self, cases: Iterable[CaseLike] | None = None, **runtime: Unpack[RuntimeChoice]) -> list[CaseResult]:
        """As `abatch`, waited for."""
        return run_in_loop(self.abatch(cases, **runtime))

    def astream_batch(
        self, cases: Iterable[CaseLike] | None = None, **runtime: Unpack[RuntimeChoice]
    ) -> AsyncGenerator[Event, None]:
        """`batch_started`, `test_completed` as each case ends, `batch_completed`."""

        async def work(listener: Listener) -> None:
            async with self._evaluator() as evaluator:
                batch = self._batch(evaluator, cases, runtime)
                inputs = {"total": len(batch.attempts)}
                async for event in evaluate_batch.astream(inputs, context=batch, stream_mode="custom"):
                    listener(cast("Event", event))

        return events_of(work)

    def stream_batch(
        self, cases: Iterable[CaseLike] | None = None, **runtime: Unpack[RuntimeChoice]
    ) -> Generator[Event, None, None]:
        """As `astream_batch`, for code that knows no event loop."""
        return iterate(self.astream_batch(cases, **runtime))

    async def _evaluate(self, case: CaseLike, runtime: RuntimeChoice, listener: Listener | None) -> CaseResult:
        async with self._evaluator() as evaluator:
            return await evaluator.evaluate(Attempt(case=self._case(case, runtime), number=1), listener=listener)

    def _batch(
        self, evaluator: CaseEvaluator, cases: Iterable[CaseLike] | None, runtime: RuntimeChoice, **options: Any
    ) -> BatchRuntime:
        chosen = [self._case(case, runtime) for case in (self.dataset.cases if cases is None else cases)]
        attempts = [attempt for case in chosen for attempt in evaluator.attempts(case, self.suite.spec.repetitions)]
        return BatchRuntime(evaluator=evaluator, attempts=attempts, max_concurrency=self._max_concurrency, **options)

    def _case(self, case: CaseLike, runtime: RuntimeChoice) -> Case:
        _require_known(runtime)
        chosen = {
            name: value for options in (self._runtime, runtime) for name, value in options.items() if value is not None
        }
        read = self._read_case(case)
        return read.model_copy(update={"runtime": read.runtime.model_copy(update=chosen)}) if chosen else read

    def _read_case(self, case: CaseLike) -> Case:
        if isinstance(case, Case):
            return case
        if isinstance(case, str):
            by_id = {each.id: each for each in self.dataset.cases}
            if case not in by_id:
                fix = nearest(case, by_id, none="the suite has no cases")
                raise InputError(Problem(message=f"no case {case!r}", fix=fix, file=self.suite.folder))
            return by_id[case]
        try:
            return Case.model_validate(dict(case))
        except ValidationError as error:
            name = str(case.get("id") or case.get("name"))
            raise InputError(
                problems_of(error, model=Case, data=dict(case), file="the given case", case=name)
            ) from error

    @contextlib.asynccontextmanager
    async def _evaluator(self) -> AsyncIterator[CaseEvaluator]:
        if self._opened is None:
            # Sources of a context may take minutes, during which the loop is to do other work.
            self._opened = await asyncio.to_thread(self._open_once)
        if self._checkpoints is None:
            yield self._opened
            return
        async with open_checkpoints(self._checkpoints) as checkpoints:
            yield dataclasses.replace(self._opened, checkpoints=checkpoints)

    def _open_once(self) -> CaseEvaluator:
        with self._opening:
            return self._opened or self._open()

    def _open(self) -> CaseEvaluator:
        store, given = self._opened_store(), self._target
        context = self._given_context or self._built_context(store)
        prompts = prompts_of(self.suite, self._settings) if given is None else NO_PROMPTS
        pins = Pins(
            experiment=self.experiment,
            dataset_version=self.dataset.version if given is None else "in-python",
            context_id=None if context is None else context.id,
            target_version=target_version(self.suite, prompts) if given is None else "in-python",
        )
        evaluator = open_evaluator(
            self.suite,
            store,
            pins=pins,
            prompts=prompts,
            corrections=corrections_now(self.suite, store),
            context=context,
            settings=self._settings,
            target=None if given is None else open_given_target(given),
        )
        traced = "by the given tracer" if self._tracer is not None else "nowhere"
        _log.info("attempts of %s are traced %s", self.experiment, traced)
        return dataclasses.replace(evaluator, tracer=self._tracer)

    def _built_context(self, store: Store) -> SharedContext | None:
        spec = self.suite.spec.context
        if not (spec.tables or spec.documents or spec.patterns):
            return None
        cases = [] if spec.documents is None else self.dataset.cases
        return build_context(self.suite, store, cases, self._settings).context

    @functools.cached_property
    def _settings(self) -> LangSmithSettings:
        return LangSmithSettings.from_environment()

    def _opened_store(self) -> Store:
        given = self._store
        return given if isinstance(given, Store) else open_store(given or store_root())


def _require_known(runtime: Mapping[str, Any]) -> None:
    problems = [
        Problem(message=f"unknown option {name!r}", fix=nearest(name, RuntimeChoice.__annotations__), field=name)
        for name in runtime
        if name not in RuntimeChoice.__annotations__
    ]
    if problems:
        raise InputError(problems)


def _suite(given: Suite | Path | str | None) -> Suite:
    if isinstance(given, Suite):
        return given
    if given is not None:
        return read_suite(suite_folder(str(given)))
    spec = SuiteSpec(name="in_python", cases="none.yaml", target=RecordedTarget(kind="recorded"))  # type: ignore[arg-type]
    return Suite(spec=spec, folder=Path.cwd())
