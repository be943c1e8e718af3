"""The corrections pulled last are those that judges are shown."""

from pathlib import Path
from unittest.mock import Mock

from eval_pipeline.assertions.judges.pulled_corrections import latest_corrections
from eval_pipeline.feedback.corrections import CORRECTIONS_SCHEMA, pull_corrections
from eval_pipeline.store.layout import corrections_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import keep_experiment


def test_the_last_pull_counts_also_where_the_clock_was_set_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keep_experiment(store, "e", [])
    row = {field.name: "e" if field.name == "experiment" else None for field in CORRECTIONS_SCHEMA}
    table = CORRECTIONS_SCHEMA.empty_table().from_pylist([row], schema=CORRECTIONS_SCHEMA)
    before = corrections_key("sample", "2999-12-31T23:59:59.999999", "d")
    store.put_table(before, table)

    pulled = pull_corrections(store, "sample", Mock(feedback=lambda _session: []))

    assert pulled.rows == 0
    assert pulled.key == latest_corrections(store, "sample") != before
