"""The end of an experiment: its verdict, its report, and the end of its traces, each in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval_pipeline.analysis.report.page import Pictures, draw, render_report
from eval_pipeline.analysis.verdict import Verdict, judge, write_verdict
from eval_pipeline.pipeline.trace_end import end_tracing
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.traced_run import TracedRun, read_traced
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline.tracing.settings import LangSmithSettings


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What an experiment came to."""

    verdict: Verdict
    pictures: Pictures
    traced: Sequence[TracedRun]
    """What each run traced, the runs that reached a server first; empty if nothing was traced."""

    @property
    def experiment_url(self) -> str | None:
        """Where its traces are."""
        return self.traced[0].session.url if self.traced else None


def conclude(store: Store, spec: SuiteSpec, record: ExperimentRecord, settings: LangSmithSettings) -> Conclusion:
    """Judge an experiment, write its summary and report, and close it where it is traced. Again is no harm.

    Raises:
        MissingUpstreamError: the baseline that the suite names is not there.
    """
    verdict = judge(store, spec, record)
    write_verdict(store, record, verdict)
    traced = read_traced(store, record.suite, record.experiment)
    found = Conclusion(verdict=verdict, pictures=draw(store, record, verdict), traced=traced)
    page = render_report(store, record, verdict, pictures=found.pictures, experiment_url=found.experiment_url)
    store.put(report_key(record.suite, record.experiment), page.encode())
    end_tracing(settings, traced, verdict.summary)
    return found
