"""`variants:` in suite.yaml: the target of each, and the errors of mistakes."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.varied_target import changes_of, varied_suite
from eval_pipeline.targets.chat import ChatTarget
from eval_pipeline.targets.python import PythonTarget
from eval_pipeline_tests.building import write_suite, written_suite

ECHO = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo"}
CHAT = {"kind": "chat", "model": "openai:large", "prompt": "hub:support", "options": {"temperature": 0, "seed": 1}}


def varied(folder: Path, target: dict[str, Any], /, **variant: Any) -> tuple[Suite, Suite]:
    suite = written_suite(folder, target=target, variants=[{"name": "v", **variant}])
    return suite, varied_suite(suite, suite.spec.variants[0])


def test_a_variant_replaces_what_it_names_and_nothing_else(folder: Path) -> None:
    suite, changed = varied(folder, CHAT, prompt="hub:support:new", model="openai:mini", params={"temperature": 1})
    target = changed.spec.target
    assert isinstance(target, ChatTarget)
    assert (target.prompt, target.model, target.options) == (
        "hub:support:new",
        "openai:mini",
        {"temperature": 1, "seed": 1},
    )
    assert changes_of(suite, changed) == ("prompt", "model", "params")
    assert changed.spec.model_copy(update={"target": suite.spec.target}) == suite.spec


def test_the_model_of_a_factory_is_its_option(folder: Path) -> None:
    target = {**ECHO, "factory": True, "options": {"model": "a:b", "k": 1}}
    suite, changed = varied(folder, target, model="c:d")
    assert changed.spec.target.options == {"model": "c:d", "k": 1}
    assert changes_of(suite, changed) == ("model",)


def test_any_field_of_the_target_may_be_varied_and_with_a_kind_all_of_it(folder: Path) -> None:
    suite, changed = varied(folder, ECHO, target={"path": "eval_pipeline_tests.fakes:WordEmbeddings"})
    assert isinstance(changed.spec.target, PythonTarget)
    assert changed.spec.target.path.endswith("WordEmbeddings")
    assert changes_of(suite, changed) == ("config",)
    _, other = varied(folder, CHAT, target=ECHO)
    assert isinstance(other.spec.target, PythonTarget)
    assert other.spec.target.prompt is None


@pytest.mark.parametrize(
    ("variants", "field", "message"),
    [
        ([{"name": "a", "model": "x:y"}, {"name": "a", "model": "x:z"}], "variants", "two variants are called 'a'"),
        ([{"name": "current", "model": "x:y"}], "variants[0].name", "'current' cannot name a variant"),
        ([{"name": "a b", "model": "x:y"}], "variants[0].name", "'a b' cannot name a variant"),
        ([{"name": "a"}], "variants[0]", "the variant 'a' changes nothing"),
        ([{"name": "a", "prompt": "support"}], "variants[0].prompt", "'support' names no prompt"),
        ([{"name": "a", "modle": "x:y"}], "variants[0].modle", "unknown field 'modle'"),
    ],
)
def test_a_mistake_in_a_variant_is_reported_at_its_field(folder: Path, variants: Any, field: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        written_suite(folder, target=CHAT, variants=variants)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in problem.message
    assert problem.line is not None


@pytest.mark.parametrize(
    ("target", "variant", "field", "message"),
    [
        (ECHO, {"model": "x:y"}, "variants[0].model", "the `python` target takes no `model`"),
        (ECHO, {"params": {"k": 1}}, "variants[0].params", "the `python` target takes no options"),
        (ECHO, {"target": ECHO}, "variants[0].name", "it changes nothing in the suite's target"),
        (ECHO, {"target": {"factory": "often"}}, "variants[0].target.factory", "should be a valid boolean"),
        (ECHO, {"target": {"pth": "a.py:b"}}, "variants[0].target.pth", "unknown field 'pth'"),
        (ECHO, {"target": {"path": "gone.py:b"}}, "variants[0]: target.path", "gone.py"),
        (
            {"kind": "remote", "url": "http://127.0.0.1:1", "graph": "g"},
            {"prompt": "hub:support"},
            "variants[0].prompt",
            "a `remote` target takes no prompt",
        ),
    ],
)
def test_a_variant_that_makes_no_other_target_is_found_before_a_run(
    folder: Path, target: Any, variant: Any, field: str, message: str
) -> None:
    write_suite(folder, target=target, variants=[{"name": "a", **variant}])
    (problem,) = check_suite(folder)[2]
    assert problem.field == field
    assert message in problem.message
    assert problem.file == folder / "suite.yaml"


def test_problems_of_the_suites_own_target_are_reported_once(folder: Path) -> None:
    target = {**ECHO, "path": "gone.py:b", "prompt": "hub:support"}
    write_suite(folder, target=target, variants=[{"name": "a", "prompt": "hub:support:new"}])
    assert [problem.field for problem in check_suite(folder)[2]] == ["target.path"]
