"""The tags by which the attempts of a batch, or of a context, are found in LangSmith."""

from pathlib import Path

from eval_pipeline.pipeline.experiment_metadata import root_tags
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline_tests.building import a_suite


def _record(context_id: str | None) -> ExperimentRecord:
    return ExperimentRecord(
        suite="sample",
        experiment="sample-1",
        created_at="2026-11-30T10:00:00+00:00",
        dataset_version="d",
        context_id=context_id,
        target_version="t",
        repetitions=None,
        launched_by={},
    )


def test_they_say_the_day_the_context_and_what_the_suite_says(tmp_path: Path) -> None:
    spec = a_suite(tmp_path, tags=["checkout"]).spec
    assert root_tags(spec, _record("c0ffee")) == ("scale_eval", "batch:2026-11-30", "ctx:c0ffee", "checkout")
    assert root_tags(spec, _record(None)) == ("scale_eval", "batch:2026-11-30", "checkout")
