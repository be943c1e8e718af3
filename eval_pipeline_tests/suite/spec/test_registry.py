"""Registries: types built in and registered by other packages, their errors, and the union of all."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.spec.assertion import ASSERTIONS, AnyAssertion, Assertion
from eval_pipeline.suite.spec.registry import Registry
from eval_pipeline.suite.spec.target import TARGETS, Target
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline_tests.building import write_suite

GROUP = "eval_pipeline_tests.shapes"


class Shape(BaseModel):
    form: str


class Circle(Shape):
    form: Literal["circle", "ring"]
    radius: float


class Square(Shape):
    form: Literal["square"]
    side: float


class Unrelated(BaseModel):
    form: Literal["unrelated"]


def shapes() -> Registry[Shape]:
    return Registry(Shape, tag="form", group=GROUP, built_in={"circle": f"{__name__}:Circle"})


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, **entries: str) -> Registry[Shape]:
    """The registry in a process that has a package for each of `entries`, which map a name to an import path."""
    for package, value in entries.items():
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{value}\n")
    monkeypatch.syspath_prepend(str(folder))
    return shapes()


def error_of(registry: Registry[Shape], data: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter[Shape](Annotated[Shape, registry]).validate_python(data)
    (details,) = caught.value.errors()
    return dict(details)


def test_the_tag_chooses_the_class_and_an_instance_stays_itself() -> None:
    adapter = TypeAdapter[Shape](Annotated[Shape, shapes()])
    circle = adapter.validate_python({"form": "circle", "radius": 1})
    assert circle == Circle(form="circle", radius=1)
    assert adapter.validate_python(circle) is circle
    assert adapter.dump_python(circle) == {"form": "circle", "radius": 1.0}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"form": "oval"}, "union_tag_invalid"),
        ({"form": ["circle"]}, "union_tag_invalid"),
        ({"radius": 1}, "union_tag_not_found"),
        ("circle", "model_attributes_type"),
        ({"form": "circle"}, "missing"),
    ],
)
def test_what_is_no_registered_class_is_the_error_that_pydantic_has_for_unions(data: Any, kind: str) -> None:
    assert error_of(shapes(), data)["type"] == kind


def test_another_package_registers_a_class_by_an_entry_point(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = installed(folder, monkeypatch, squares=f"square = {__name__}:Square")
    assert registry.names() == ["circle", "square"]
    assert registry.validate({"form": "square", "side": 2}) == Square(form="square", side=2)
    assert registry.class_of({"form": "square"}) is Square
    assert "'circle', 'square'" in error_of(registry, {"form": "oval"})["msg"]


def test_a_built_in_name_cannot_be_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = installed(folder, monkeypatch, squares=f"circle = {__name__}:Square")
    assert registry.classes() == [Circle]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("square = no_such_module:Square", "importing no_such_module:Square failed with ModuleNotFoundError"),
        (f"square = {__name__}:Missing", "failed with AttributeError"),
        (f"square = {__name__}:Unrelated", "Unrelated is no class of that form"),
        (f"square = {__name__}:shapes", "shapes is no class of that form"),
        (f"square = {__name__}:Circle", "Circle is no class of that form"),
    ],
)
def test_an_entry_point_that_is_no_such_class_is_an_error_that_names_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, entry: str, reason: str
) -> None:
    registry = installed(folder, monkeypatch, squares=entry)
    error = error_of(registry, {"form": "square", "side": 2})
    assert reason in error["msg"]
    assert error["ctx"]["fix"]
    assert registry.class_of({"form": "square"}) is Shape


def test_a_name_that_two_packages_register_is_an_error_that_names_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = f"square = {__name__}:Square"
    registry = installed(folder, monkeypatch, first=entry, second=entry)
    assert "several packages register it: first, second" in error_of(registry, {"form": "square"})["msg"]


@pytest.mark.parametrize(("registry", "base"), [(ASSERTIONS, Assertion), (TARGETS, Target)])
def test_every_built_in_class_can_be_imported_by_its_name(registry: Registry[Any], base: type[BaseModel]) -> None:
    classes = registry.classes()
    assert len(set(classes)) == len(registry.names())
    assert all(issubclass(registered, base) for registered in classes)


def test_the_union_of_all_accepts_what_fields_of_any_class_accept() -> None:
    data = {"type": "contains", "value": "x"}
    assert TypeAdapter(ASSERTIONS.union()).validate_python(data) == TypeAdapter[Assertion](
        AnyAssertion
    ).validate_python(data)


@pytest.mark.parametrize("model", [SuiteSpec, Case])
def test_the_json_schema_describes_every_registered_class(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    items = schema["properties"]["assertions"]["items"]
    assert set(items["discriminator"]["mapping"]) == set(ASSERTIONS.names())
    assert {option["$ref"].rpartition("/")[2] for option in items["oneOf"]} <= schema["$defs"].keys()


def test_a_field_that_a_type_does_not_have_is_reported_with_those_it_has(folder: Path) -> None:
    asserted = [{"type": "contains", "value": "x", "ignorecase": True}]
    (problem,) = check_suite(write_suite(folder, assertions=asserted))[2]
    assert (problem.field, problem.fix) == ("assertions[0].ignorecase", "did you mean 'ignore_case'?")
    assert problem.line is not None


def test_every_kind_of_target_is_in_the_guide() -> None:
    guide = Path(__file__).resolve().parents[3] / "docs" / "suites.md"
    assert sorted(re.findall(r"^\| `{kind: (\w+)", guide.read_text(), re.MULTILINE)) == sorted(TARGETS.names())
