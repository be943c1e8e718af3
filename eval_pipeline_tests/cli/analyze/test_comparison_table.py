"""The table of `compare`: p-values in one form, and what they mean."""

import io

from rich.console import Console

from eval_pipeline.analysis import explanations
from eval_pipeline.analysis.comparison.comparison import Side, compare_sides
from eval_pipeline.cli.analyze.comparison_table import show_comparisons
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline_tests.analysis.rows import a_result, a_table


def test_a_tiny_p_value_is_shown_as_such_and_explained() -> None:
    sides = []
    for experiment, status in (("then", "passed"), ("now", "failed")):
        record = ExperimentRecord(
            suite="sample",
            experiment=experiment,
            created_at="2026-01-01T00:00:00Z",
            dataset_version="d",
            context_id=None,
            target_version="t",
            repetitions=1,
            launched_by={},
        )
        rows = a_table([a_result(f"c{n}", status=status) for n in range(30)]).to_pylist()
        sides.append(Side.of(record, rows, []))
    shown = io.StringIO()
    show_comparisons([compare_sides(now=sides[1], then=sides[0])], {}, Console(file=shown, width=200))
    assert "p<0.0001" in shown.getvalue()
    assert explanations.DIFFERENCE in shown.getvalue()
    assert "p=0.000" not in shown.getvalue()
