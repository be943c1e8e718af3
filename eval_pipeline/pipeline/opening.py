"""Open everything that a run of a suite opens, without calling a target, a judge or a database: for `check`."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from langsmith.evaluation import RunEvaluator

from eval_pipeline.assertions.evaluator import Evaluator
from eval_pipeline.assertions.grounding import GroundedInContext
from eval_pipeline.assertions.judged import JudgedAssertion
from eval_pipeline.assertions.judges.corrections import read_corrections
from eval_pipeline.assertions.python import Python
from eval_pipeline.assertions.scope import Scope
from eval_pipeline.assertions.similarity import Similarity
from eval_pipeline.context.plan import case_query
from eval_pipeline.context.queries import query_tables
from eval_pipeline.context.shared_context import MissingContextError
from eval_pipeline.context.table_files import read_table_file
from eval_pipeline.errors import EvalPipelineError, InfrastructureError, InputError, Problem
from eval_pipeline.models.opening import chat_model, embeddings_model
from eval_pipeline.models.prices import price_table
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.suite.spec.context import (
    AssetSource,
    DatabaseSource,
    FileSource,
    PythonSource,
    SqlSource,
    TableSource,
)
from eval_pipeline.suite.suite import SUITE_FILE, Suite
from eval_pipeline.suite.varied_target import field_of, varied_suite
from eval_pipeline.targets.opening import open_target
from eval_pipeline.targets.python import PythonSession
from eval_pipeline.targets.session import SessionFactory
from eval_pipeline.user_code.loop import run_in_loop
from eval_pipeline.user_code.signature import NotCalledError, SignatureError, bound_only
from eval_pipeline.wording import nearest

_LARGE_BYTES = 500 * 2**20
"""Files of the context beyond this are not read by `check`."""
_MOST_SESSIONS = 20
"""The most cases, of different `runtime`, that a session is opened for."""


@dataclass(kw_only=True)
class OpenedSuite:
    """What came of opening a suite."""

    problems: list[Problem] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)
    """What a run does beyond this, each in a few words."""


def open_suite(suite: Suite, cases: Sequence[Case], settings: LangSmithSettings) -> OpenedSuite:
    """Open the target, models, files, prices, corrections and evaluators of a suite that has no other problems."""
    opening = _Opening(suite=suite, cases=cases, opened=OpenedSuite())
    opening.target(settings)
    opening.models()
    opening.context()
    opening.prices_and_corrections()
    opening.assertions()
    opening.workers()
    return opening.opened


@dataclass(frozen=True, kw_only=True)
class _Opening:
    suite: Suite
    cases: Sequence[Case]
    opened: OpenedSuite

    def target(self, settings: LangSmithSettings) -> None:
        """Build the target, and open sessions with it."""
        spec = self.suite.spec.target
        self._target_of(self.suite, settings, place="target")
        for variant in self.suite.spec.variants:
            place = f"{field_of(self.suite, variant)}: target"
            self._target_of(varied_suite(self.suite, variant), settings, place=place)
        self.opened.not_tried.append(f"calling the target ({spec.kind})" if spec.live else "replaying recordings")

    def _target_of(self, suite: Suite, settings: LangSmithSettings, *, place: str) -> None:
        with self._problems_at(place):
            try:
                prompts = prompts_of(suite, settings)
            except InputError:  # reported where the prompts are checked
                return
            except InfrastructureError:
                self.opened.not_tried.append(f"building the {place}, whose prompt cannot be fetched now")
                return
            factory = open_target(suite, prompts)
            if suite.spec.target.live:
                run_in_loop(self._sessions(factory))

    async def _sessions(self, factory: SessionFactory) -> None:
        by_runtime = {repr(case.runtime): case for case in reversed(self.cases)}
        for case in [*by_runtime.values()][:_MOST_SESSIONS]:
            session = factory.open(case, attempt=1, thread_id="check")
            if not isinstance(session, PythonSession):
                continue
            try:
                await session.begin()
                with bound_only(), contextlib.suppress(NotCalledError):
                    await session.send(case.turns[0].input if case.turns else "")
            except MissingContextError:
                self.opened.not_tried.append("making the target's session, which reads the shared context")
                return
            finally:
                await session.close()

    def models(self) -> None:
        """Open the models that are not the target's own."""
        spec = self.suite.spec
        for index, patterns in enumerate(spec.context.patterns):
            self._model(f"context.patterns[{index}].model", patterns.model)
        if spec.simulated_user is not None:
            self._model("simulated_user.model", spec.simulated_user.model)
        if spec.judge is not None:
            for name in spec.judge.models:
                self._model("judge.model", name, **spec.judge.options)
            self.opened.not_tried.append("calling judges")
        documents = spec.context.documents
        if documents is not None and documents.retrieval.model is not None:
            with self._problems_at("context.documents.retrieval.model"):
                embeddings_model(documents.retrieval.model, folder=self.suite.folder)
        for case in self._distinct(self.cases, lambda case: case.simulation and case.simulation.model):
            assert case.simulation is not None
            if case.simulation.model is not None:
                self._model("simulation.model", case.simulation.model, case=case)

    def context(self) -> None:
        """Read the files of the context, and run the queries on them."""
        spec, tables = self.suite.spec.context, dict[str, pa.Table]()
        all_opened = True
        for name, source in spec.tables.items():
            table = self._table(f"context.tables.{name}", source, tables, all_opened=all_opened)
            all_opened = all_opened and table is not None
            if table is not None:
                tables[name] = table
        documents = spec.documents
        if documents is not None:
            place = "context.documents"
            table = self._table(f"{place}.source", documents.source, tables, all_opened=all_opened)
            texts = (documents.text,) if isinstance(documents.text, str) else documents.text
            if table is not None:
                self._require_columns(table, {f"{place}.id": [documents.id], f"{place}.text": texts})
            for asking in self.cases:
                with self._problems_at(None):
                    case_query(asking, documents.retrieval.query)
        if spec.patterns:
            self.opened.not_tried.append("finding patterns")
        self._mentions(tables)

    def _mentions(self, tables: dict[str, pa.Table]) -> None:
        for field_, assertion, case in self._assertions():
            if isinstance(assertion, GroundedInContext):
                for index, mention in enumerate(assertion.mentions):
                    if mention.table in tables and mention.column is not None:
                        place = f"{field_}.mentions[{index}].column"
                        self._require_columns(tables[mention.table], {place: [mention.column]}, case=case)

    def prices_and_corrections(self) -> None:
        """Read the files of prices and corrections."""
        suite, prices = self.suite, self.suite.spec.evaluation.prices
        with self._problems_at("evaluation.prices"):
            price_table(None if prices is None else suite.path(prices))
        corrections = None if suite.spec.judge is None else suite.spec.judge.corrections
        if corrections is not None and corrections.file is not None:
            with self._problems_at("judge.corrections.file"):
                read_corrections(suite.folder / Path(corrections.file).expanduser())

    def assertions(self) -> None:
        """Make evaluators, bind callables to what they would get, and open models that assertions name."""
        if not self.cases:
            return
        for field_, assertion, case in self._assertions():
            with self._problems_at(field_, case=case):
                self._assertion(assertion, case or self.cases[0])

    def _assertion(self, assertion: Assertion, case: Case) -> None:
        folder = self.suite.folder
        if isinstance(assertion, JudgedAssertion) and assertion.model is not None:
            judge = assertion.judge(self.suite.spec.judge)
            for name in judge.models:
                chat_model(name, folder=folder, **judge.options)
        if isinstance(assertion, Similarity) and assertion.model is not None:
            embeddings_model(assertion.model, folder=folder)
        runs_itself = isinstance(assertion, Evaluator) and isinstance(assertion.evaluator(folder), RunEvaluator)
        if isinstance(assertion, Evaluator | Python) and not runs_itself:
            self._require_named(assertion)
            scope = Scope(
                case=case, turns=(), turn=None, context=None, recording={}, folder=folder, judge=self.suite.spec.judge
            )
            run_in_loop(_bound(assertion, scope))

    def _require_named(self, assertion: Evaluator | Python) -> None:
        """Require that the callable names everything that the assertion gives it besides what all are given.

        Raises:
            InputError: it would not get some of it.
        """
        given = {} if isinstance(assertion, Evaluator) and assertion.factory else dict.fromkeys(assertion.args, "args")
        if isinstance(assertion, Evaluator):
            given |= dict.fromkeys(assertion.give, "give")
        called = assertion.evaluator(self.suite.folder) if isinstance(assertion, Evaluator) else None
        call = resolve(assertion.path, folder=self.suite.folder) if called is None else called
        parameters = inspect.signature(call).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return
        names = [parameter.name for parameter in parameters]
        # The only required parameter takes the first value, whatever its name.
        alone = isinstance(assertion, Evaluator) and len(names) == 1
        unnamed = {} if alone else {name: field for name, field in given.items() if name not in names}
        if unnamed:
            raise InputError(
                Problem(
                    message=f"`{name}` has no effect: {assertion.path} has no parameter of that name",
                    fix=nearest(name, names),
                    field=f"{field}.{name}",
                )
                for name, field in unnamed.items()
            )

    def workers(self) -> None:
        """Note that workers are not asked for."""
        compute = self.suite.spec.compute
        if not isinstance(compute, LocalCompute):
            self.opened.not_tried.append(f"starting {compute.kind} workers (`eval-pipeline doctor` asks for them)")

    def _model(self, place: str, name: str, *, case: Case | None = None, **options: Any) -> None:
        with self._problems_at(place, case=case):
            chat_model(name, folder=self.suite.folder, **options)

    def _table(
        self, place: str, source: TableSource, tables: dict[str, pa.Table], *, all_opened: bool
    ) -> pa.Table | None:
        """The table of a source that is a file, or a query on such tables; None for any other, and after a problem."""
        if isinstance(source, FileSource):
            file = self.suite.path(source.file)
            if file.stat().st_size > _LARGE_BYTES:
                self.opened.not_tried.append(f"reading {file.name} ({file.stat().st_size / 2**20:,.0f} MiB)")
                return None
            with self._problems_at(place):
                return read_table_file(file, key=source.key, columns=source.columns, text_columns=source.text_columns)
        if isinstance(source, SqlSource):
            if all_opened:
                with self._problems_at(place):
                    return query_tables(source.sql, tables, place=place)
                return None
            self.opened.not_tried.append(f"the query of {place}")
        if isinstance(source, DatabaseSource):
            self.opened.not_tried.append(f"the database of {place}")
        if isinstance(source, AssetSource):
            self.opened.not_tried.append(f"the asset {'/'.join(source.asset)} of {place}")
        if isinstance(source, PythonSource):
            self.opened.not_tried.append(f"calling {source.python} of {place}")
        return None

    def _require_columns(self, table: pa.Table, columns: dict[str, Iterable[str]], *, case: Case | None = None) -> None:
        for place, names in columns.items():
            for name in names:
                if name not in table.column_names:
                    message = f"the table has no column {name!r}"
                    fix = f"use one of {', '.join(table.column_names)}"
                    self._add([Problem(message=message, fix=fix)], place, case)

    def _assertions(self) -> Iterator[tuple[str, Assertion, Case | None]]:
        """The assertions of the suite and of its cases, equal ones once, with their fields."""
        for index, assertion in enumerate(self.suite.spec.assertions):
            yield f"assertions[{index}]", assertion, None
        seen: set[str] = set()
        for case in self.cases:
            for assertion in case.every_assertion:
                key = assertion.model_dump_json()
                if key not in seen:
                    seen.add(key)
                    yield f"assertions ({assertion.name or assertion.type})", assertion, case

    def _distinct(self, cases: Sequence[Case], key: Callable[[Case], Any]) -> list[Case]:
        first: dict[Any, Case] = {}
        for case in cases:
            if value := key(case):
                first.setdefault(value, case)
        return [*first.values()]

    @contextlib.contextmanager
    def _problems_at(self, place: str | None, *, case: Case | None = None) -> Iterator[None]:
        """Note whatever is raised within as problems at a field."""
        try:
            yield
        except InputError as error:
            self._add(error.problems, place, case)
        except InfrastructureError as error:
            self._add([Problem(message=error.message, fix=error.fix)], place, case)
        except EvalPipelineError as error:
            self._add([Problem(message=str(error), fix="see the message")], place, case)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever user code and providers raise
            reason = (str(error).strip().splitlines() or [""])[0]
            fix = "correct what raises it, or give what it needs"
            self._add(
                [Problem(message=f"opening it fails with {type(error).__name__}: {reason}", fix=fix)], place, case
            )

    def _add(self, problems: Iterable[Problem], place: str | None, case: Case | None) -> None:
        file = self.suite.folder / SUITE_FILE if case is None else self.suite.folder
        named = None if case is None else case.id
        for problem in problems:
            placed = problem
            if problem.file in (None, self.suite.folder):
                placed = replace(problem, file=file, case=problem.case or named, field=_joined(place, problem.field))
            if placed not in self.opened.problems:
                self.opened.problems.append(placed)


def _joined(place: str | None, inner: str | None) -> str | None:
    """The field of a problem at `place`, whose own field may begin with that place."""
    if place is None or inner is None:
        return place or inner
    last = place.rpartition(" ")[2]
    if inner.startswith(last.partition(".")[0]):
        return place.removesuffix(last) + inner
    return f"{place}.{inner}"


async def _bound(assertion: Evaluator | Python, scope: Scope) -> None:
    """Bind a callable to what it would get.

    Raises:
        SignatureError: it asks for something else.
    """
    with bound_only():
        try:
            await assertion.check(scope)
        except SignatureError:
            raise
        except Exception:  # noqa: BLE001 - the scope has no answer, which is not what is looked at
            return
