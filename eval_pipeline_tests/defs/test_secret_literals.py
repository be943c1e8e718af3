"""A secret that is given to a resource as text is refused when the code is loaded; one of the environment is not."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eval_pipeline.defs.build import build_definitions
from eval_pipeline.defs.resources import LangSmithResource
from eval_pipeline.defs.s3_store_resource import S3StoreResource
from eval_pipeline.errors import InputError
from eval_pipeline_tests.small_suite import write_small_suite


class _Nested(dg.ConfigurableResource[None]):
    langsmith: LangSmithResource
    address: str = ""


class _Warehouse(dg.ConfigurableIOManager):
    password: str

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None: ...

    def load_input(self, context: dg.InputContext) -> None: ...


class _Login(dg.Config):
    user: str
    password: str


class _Service(dg.ConfigurableResource[None]):
    login: _Login | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - as Dagster wants it
    addresses: list[str] = []  # noqa: RUF012 - as Dagster wants it


@pytest.mark.parametrize(
    ("name", "resource", "field"),
    [
        ("warehouse", _Warehouse(password="abcdef"), "warehouse.password"),
        ("mine", _Service(login=_Login(user="ann", password="abcdef")), "mine.login.password"),
        ("mine", _Service(headers={"Authorization": "abcdef"}), "mine.headers.Authorization"),
        ("mine", _Service(headers={"x": "Bearer abcdefghijklmnop1234"}), "mine.headers.x"),
        ("mine", _Service(addresses=["redis://host", "redis://ann:abcdef@host"]), "mine.addresses[1]"),
        ("eval_langsmith", LangSmithResource(api_key="abcdef"), "eval_langsmith.api_key"),
        ("eval_langsmith", LangSmithResource(recorder_token="abcdef"), "eval_langsmith.recorder_token"),
        (
            "eval_store",
            S3StoreResource(root="s3://b/p", aws_secret_access_key="abc"),
            "eval_store.aws_secret_access_key",
        ),
        ("mine", _Nested(langsmith=LangSmithResource(api_key="abcdef")), "mine.langsmith.api_key"),
        ("mine", _Nested(langsmith=LangSmithResource(), address="redis://ann:pw@host"), "mine.address"),
    ],
)
def test_a_secret_as_text_is_refused_with_its_field_and_the_fix(
    tmp_path: Path, name: str, resource: object, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        build_definitions(folders=[write_small_suite(tmp_path / "shop")], resource_overrides={name: resource})
    (problem,) = caught.value.problems
    assert problem.field == field
    assert "dg.EnvVar(" in problem.fix
    assert "abc" not in str(problem)


def test_a_secret_of_the_environment_is_taken(tmp_path: Path) -> None:
    given = {
        "warehouse": _Warehouse(password=dg.EnvVar("PASSWORD")),
        "mine": _Service(
            login=_Login(user="ann", password=dg.EnvVar("PASSWORD")), headers={"Authorization": dg.EnvVar("KEY")}
        ),
        "eval_langsmith": LangSmithResource(api_key=dg.EnvVar("LANGSMITH_API_KEY"), project="ours"),
        "eval_store": S3StoreResource(root="s3://b/p", aws_secret_access_key=dg.EnvVar("AWS_SECRET_ACCESS_KEY")),
    }
    defs = build_definitions(folders=[write_small_suite(tmp_path / "shop")], resource_overrides=given)
    assert defs.resolve_implicit_global_asset_job_def()


def test_the_name_of_what_is_taken_out_is_no_secret(tmp_path: Path) -> None:
    given = {"eval_langsmith": LangSmithResource(redaction_patterns={"staff_token": r"tok_.+"})}
    assert build_definitions(folders=[write_small_suite(tmp_path / "shop")], resource_overrides=given)
