"""Runs of a suite in a test, through the command that users run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eval_pipeline.cli.main import main

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SuiteRun:
    """What `eval-pipeline run` said and stored."""

    exit_code: int
    """0: the gates passed; 1: they did not."""
    summary: dict[str, Any]
    """What `--json` prints."""
    store: Path

    @classmethod
    def of(
        cls,
        folder: Path | str,
        options: Sequence[str],
        *,
        home: Path,
        traced: bool,
        patch: pytest.MonkeyPatch,
        printed: pytest.CaptureFixture[str],
    ) -> "SuiteRun":
        """Run a suite.

        Raises:
            AssertionError: it could not be evaluated; with what the command said.
        """
        (home / "dagster").mkdir(exist_ok=True)
        config = home / "dagster" / "dagster.yaml"
        if not config.exists():
            config.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        store = home / "store"
        with patch.context() as within:
            within.setenv("DAGSTER_HOME", str(home / "dagster"))
            within.setenv("EVAL_PIPELINE_STORE", str(store))
            if not traced:
                within.setenv("EVAL_PIPELINE_TRACING", "off")
            within.setattr("sys.argv", ["eval-pipeline", "run", str(folder), "--json", *options])
            printed.readouterr()
            with pytest.raises(SystemExit) as stopped:
                main()
        out, err = printed.readouterr()
        code = int(stopped.value.code or 0)
        if code not in (0, 1):
            raise AssertionError(err)
        return cls(exit_code=code, summary=json.loads(out), store=store)

    @property
    def passed(self) -> bool:
        """Whether the gates passed."""
        return self.exit_code == 0

    @property
    def results(self) -> "pd.DataFrame":
        """A row per attempt, as `load_results` returns them."""
        from eval_pipeline.analysis.results_frame import load_results  # noqa: PLC0415 - pandas takes half a second

        return load_results(self.store, self.summary["suite"], self.summary["experiment"])
