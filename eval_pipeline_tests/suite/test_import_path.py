"""Import paths: the only code a suite may run, and the version of that code."""

from pathlib import Path

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.code.version import model_version, source_digest
from eval_pipeline.suite.import_path import is_code_path, is_import_path, resolve


@pytest.mark.parametrize("text", ["a:b", "a.b:c.d", "own.py:x", "sub/own.py:x", "my-dir/own.py:Some.attribute"])
def test_the_two_forms_are_import_paths(text: str) -> None:
    assert is_import_path(text)


@pytest.mark.parametrize(
    "text", ["a", "a:", ":b", "a.b", "../up.py:x", "/abs.py:x", "a b:c", "a:b()", "own.py:1x", "a:b\n"]
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_import_path(text)


@pytest.mark.parametrize(
    ("name", "code"), [("openai:gpt", False), ("openai:gpt-4o", False), ("own.py:model", True), ("a.b:model", True)]
)
def test_a_model_by_provider_is_no_code(name: str, code: bool) -> None:  # noqa: FBT001
    assert is_code_path(name) is code


def test_a_module_and_a_dotted_attribute_are_found(folder: Path) -> None:
    assert resolve("pathlib:Path.cwd", folder=folder) == Path.cwd


def test_a_file_of_the_suite_may_import_its_neighbours(folder: Path) -> None:
    (folder / "agent.py").write_text(
        "from . import prompts\nfrom .prompts import TEXT as t\nboth = (prompts.TEXT, t)\n"
    )
    (folder / "prompts.py").write_text("TEXT = 'hi'\n")
    assert resolve("agent.py:both", folder=folder) == ("hi", "hi")


def test_files_in_a_folder_of_the_suite_have_neighbours_there(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.py").write_text("from .b import x\n")
    (folder / "sub" / "b.py").write_text("x = 1\n")
    assert resolve("sub/a.py:x", folder=folder) == 1


def test_files_of_one_name_in_two_suites_are_two_modules(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agent.py").write_text(f"name = {name!r}\n")
    assert [resolve("agent.py:name", folder=tmp_path / name) for name in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.py:x", "FileNotFoundError"),
        ("no_such_module:x", "ModuleNotFoundError"),
        ("broken.py:x", "ZeroDivisionError"),
        ("pathlib:Nope", "no attribute 'Nope'"),
        ("pathlib:Path.nope", "no attribute 'nope'"),
    ],
)
def test_what_cannot_be_imported_is_reported_with_the_reason(folder: Path, path: str, message: str) -> None:
    (folder / "broken.py").write_text("1 / 0\n")
    with pytest.raises(InputError, match=message):
        resolve(path, folder=folder)


def test_the_digest_follows_the_python_files_that_it_imports(folder: Path) -> None:
    (folder / "agent.py").write_text("from . import prompts\nx = 1\n")
    first = source_digest("agent.py:x", folder=folder)
    (folder / "notes.md").write_text("not code")
    assert source_digest("agent.py:x", folder=folder) == first
    (folder / "prompts.py").write_text("TEXT = 'hi'\n")
    assert source_digest("agent.py:x", folder=folder) != first


def test_the_digest_does_not_depend_on_the_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agent.py").write_text("x = 1\n")
    assert source_digest("agent.py:x", folder=tmp_path / "one") == source_digest("agent.py:x", folder=tmp_path / "two")


def test_the_digest_differs_by_attribute_and_exists_for_modules(folder: Path) -> None:
    assert source_digest("eval_pipeline.store.content_hash:a", folder=folder) != source_digest(
        "eval_pipeline.store.content_hash:b", folder=folder
    )


@pytest.mark.parametrize("path", ["no_such_module:x", "no.such.module:x"])
def test_the_source_of_a_module_that_is_not_there_is_unknown(folder: Path, path: str) -> None:
    assert source_digest(path, folder=folder) == "unknown"


@pytest.mark.parametrize("code", ["1 / 0", "import sys; sys.exit(1)"])
def test_the_source_beside_a_package_that_fails_is_unknown_and_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    (folder / "failing_package").mkdir()
    (folder / "failing_package" / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    assert source_digest("failing_package.agent:x", folder=folder) == "unknown"


def test_the_version_of_a_model_is_its_name_and_for_code_its_source(folder: Path) -> None:
    (folder / "own.py").write_text("ready = 1\n")
    assert model_version("openai:gpt-4o", folder=folder) == "openai:gpt-4o"
    before = model_version("own.py:ready", folder=folder)
    (folder / "own.py").write_text("ready = 2\n")
    assert model_version("own.py:ready", folder=folder) != before
