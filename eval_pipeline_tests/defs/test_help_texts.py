"""What the launchpad and the page of a resource say of each field, and where traces go."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.assets.case_results import CaseResultsConfig
from eval_pipeline.defs.assets.experiment_summary import ExperimentSummaryConfig
from eval_pipeline.defs.assets.variant_comparison import VariantComparisonConfig
from eval_pipeline.defs.resources import LANGSMITH, LangSmithResource, StoreResource, default_resources


@pytest.mark.parametrize("config", [CaseResultsConfig, ExperimentSummaryConfig, VariantComparisonConfig])
def test_each_field_of_run_config_has_a_help_text(config: type[dg.Config]) -> None:
    fields = config.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]
    assert fields
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("resource", [LangSmithResource, StoreResource])
def test_each_field_of_a_resource_has_a_help_text(resource: type[dg.ConfigurableResource[Any]]) -> None:
    assert [name for name, field in resource.model_fields.items() if not field.description] == []


def test_the_page_of_the_resource_says_where_traces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGSMITH_TRACING", raising=False)
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "both")
    monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_secret")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "https://eu.api.smith.langchain.com")
    monkeypatch.setenv("LANGSMITH_PROJECT", "teas")
    said = _description(default_resources())
    assert "langsmith at https://eu.api.smith.langchain.com" in said
    assert "recorder at http://127.0.0.1" in said
    assert "project `teas`" in said
    assert "lsv2" not in said


def test_the_page_says_that_there_are_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "off")
    assert _description(default_resources()).startswith("**No traces.**")


def test_the_page_says_what_is_wrong_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_TRACING", "sideways")
    assert "cannot be used" in _description(default_resources())


def _description(resources: Mapping[str, Any]) -> str:
    definitions = dg.Definitions(resources=resources)
    return definitions.get_repository_def().get_top_level_resources()[LANGSMITH].description or ""
