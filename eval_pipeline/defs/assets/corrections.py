"""`corrections`: what people corrected in LangSmith, for a suite whose judge is shown it (`judge.corrections.from`)."""

import dagster as dg

from eval_pipeline.defs.assets.tracing import traced_links
from eval_pipeline.defs.assets.upstream import asset_group, asset_key
from eval_pipeline.defs.failures import errors_as_failures
from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.feedback.corrections import pull_corrections
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.suite.suite import Suite

CORRECTIONS = "corrections"


def wants_corrections(suite: Suite) -> bool:
    """Whether the suite's judge is shown corrections from LangSmith."""
    judge = suite.spec.judge
    return judge is not None and judge.corrections is not None and judge.corrections.source == "langsmith"


def build_corrections(suite: Suite) -> dg.AssetsDefinition:
    """The asset `corrections` of a suite. It is materialized on demand, and no part of the nightly job."""

    @dg.asset(
        key=asset_key(suite, CORRECTIONS),
        group_name=asset_group(suite),
        kinds={"python", "parquet"},
        owners=list(suite.spec.owners),
        code_version="1",
        description="What people corrected in LangSmith, redacted: examples for the judge.",
    )
    def corrections(
        context: dg.AssetExecutionContext, eval_store: StoreResource, eval_langsmith: LangSmithResource
    ) -> dg.MaterializeResult[None]:
        with errors_as_failures(), FeedbackServer(eval_langsmith.settings()) as server:
            opened, redactor = eval_store.open(), eval_langsmith.redactor()
            set_log_redactor(redactor)
            pulled = pull_corrections(opened, suite.name, server, redactor=redactor)
            newest = (record.experiment for record in experiments_newest_first(opened, suite.name))
            links = traced_links(opened, suite.name, *newest)
        context.log.info("%d corrections, %d new", pulled.rows, pulled.added)
        return dg.MaterializeResult(
            metadata={
                **links,
                "corrections": pulled.rows,
                "new": pulled.added,
                "experiments": pulled.experiments,
                **({} if pulled.key is None else {"uri": dg.MetadataValue.path(opened.uri(pulled.key))}),
            },
            data_version=dg.DataVersion(pulled.version),
        )

    return corrections
