"""Preparing an evaluation: its dataset is in the store and at the servers, and its shared context is built."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eval_pipeline.context.build import Snapshot, ensure_snapshot
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import require_sound
from eval_pipeline.suite.dataset.dataset import Dataset
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.dataset.stored import store_dataset
from eval_pipeline.suite.suite import Suite
from eval_pipeline.tracing.experiment.setup import sync_datasets
from eval_pipeline.tracing.experiment.shared_context_trace import send_context_trace
from eval_pipeline.tracing.shape.shared_trace import SharedTraceRecorder

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PreparedContext:
    """A shared context that is in the store."""

    snapshot: Snapshot
    context: SharedContext
    trace_url: str | None = None
    """Where the trace of its build is; None if nothing is traced."""


def load_valid_dataset(suite: Suite, settings: LangSmithSettings) -> Dataset:
    """The cases of a suite, validated, and redacted as the settings say.

    Raises:
        InputError: the suite or a case cannot be used; carries every problem.
    """
    dataset = load_dataset(suite, redactor=Redactor.of(settings))
    require_sound(suite, dataset.cases)
    return dataset


def keep_dataset(suite: Suite, store: Store, dataset: Dataset, settings: LangSmithSettings) -> str | None:
    """Write a dataset to the store and make the datasets at the servers equal to it.

    Returns:
        Where it can be seen; None if nothing is traced or no server answers.

    Raises:
        CredentialsError: a destination refuses its key.
    """
    store_dataset(store, suite.name, dataset)
    return sync_datasets(settings, suite.name, dataset.cases, origin=dataset.origin)


def build_context(
    suite: Suite, store: Store, cases: Iterable[Case], settings: LangSmithSettings, *, report: Report = lambda _: None
) -> PreparedContext:
    """The suite's shared context, reused while nothing it depends on has changed, else built with its trace.

    Args:
        suite: has the sources.
        store: where snapshots are.
        cases: those that search its documents; others need not be given.
        settings: what is redacted, which is a part of the context's id.
        report: is called with each step in a line.

    Raises:
        EvalPipelineError: a source, a query or a model failed; nothing was published.
    """
    redactor = Redactor.of(settings)
    recorder = SharedTraceRecorder(redact=redactor.json)
    plan = plan_context(suite, cases, redactor=redactor)
    with no_ambient_tracing(), untraced():
        snapshot = ensure_snapshot(plan, store, report=report, recorder=recorder)
    return PreparedContext(
        snapshot=snapshot, context=SharedContext.open(store, suite.name, snapshot.manifest.context_id)
    )


def prepare_context(
    suite: Suite,
    store: Store,
    cases: Iterable[Case],
    settings: LangSmithSettings,
    *,
    run_id: str,
    report: Report = lambda _: None,
) -> PreparedContext:
    """As `build_context`, with the trace of the build at the servers. What cannot be sent now is spooled."""
    built = build_context(suite, store, cases, settings, report=report)
    url = send_context_trace(settings, suite.name, built.context, run_id)
    return PreparedContext(snapshot=built.snapshot, context=built.context, trace_url=url)


def prepare(suite: Suite, store: Store, settings: LangSmithSettings, *, run_id: str) -> tuple[Dataset, SharedContext]:
    """Dataset and shared context, as the assets `test_cases` and `shared_context` make them.

    Raises:
        InputError: the suite or a case cannot be used.
        InfrastructureError: a source, a model, the store or a server's key failed.
    """
    dataset = load_valid_dataset(suite, settings)
    keep_dataset(suite, store, dataset, settings)
    return dataset, prepare_context(suite, store, dataset.cases, settings, run_id=run_id).context
