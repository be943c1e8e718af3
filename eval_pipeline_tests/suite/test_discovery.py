"""Finding suites: shipped ones, those in the folders of an environment variable, and the one that was meant."""

import os
from pathlib import Path

import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.settings import SUITES_VARIABLE
from eval_pipeline.suite.discovery import suite_folder, suite_folders


@pytest.fixture
def garden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two suites and something else, named in the variable together with a suite's own folder."""
    for name in ("roses", "lilies", "alone"):
        (tmp_path / "garden" / name).mkdir(parents=True)
        (tmp_path / "garden" / name / "suite.yaml").touch()
    (tmp_path / "garden" / "alone").rename(tmp_path / "alone")
    (tmp_path / "garden" / "tools").mkdir()
    roots = [tmp_path / "garden", tmp_path / "alone", tmp_path / "garden"]
    monkeypatch.setenv(SUITES_VARIABLE, os.pathsep.join(map(str, roots)))
    return tmp_path


def test_suites_in_named_folders_are_found_once_in_order(garden: Path) -> None:
    assert suite_folders()[-3:] == [garden / "garden" / "lilies", garden / "garden" / "roses", garden / "alone"]


def test_a_named_folder_that_does_not_exist_is_an_error_but_not_for_a_suite_given_by_its_folder(
    garden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUITES_VARIABLE, os.pathsep.join([str(garden / "gone"), str(garden / "garden")]))
    with pytest.raises(InputError, match=r"EVAL_PIPELINE_SUITES: there is no folder .*gone\. Fix: correct the path"):
        suite_folder("roses")
    assert suite_folder(str(garden / "alone")) == garden / "alone"


def test_a_suite_is_meant_by_folder_or_by_name(garden: Path) -> None:
    assert suite_folder("roses") == suite_folder(str(garden / "garden" / "roses")) == garden / "garden" / "roses"


@pytest.mark.usefixtures("garden")
def test_a_name_nearly_right_is_suggested() -> None:
    with pytest.raises(InputError, match="did you mean 'lilies'"):
        suite_folder("lillies")


@pytest.mark.usefixtures("garden")
def test_for_any_other_name_those_that_exist_are_listed() -> None:
    with pytest.raises(InputError, match=r"one of: .*lilies"):
        suite_folder("zzz")


@pytest.fixture
def named(garden: Path) -> Path:
    """A suite whose name is another than its folder's."""
    (garden / "garden" / "roses" / "suite.yaml").write_text("name: thorns\n")
    return garden / "garden" / "roses"


def test_a_suite_is_meant_by_its_name_or_that_of_its_folder(named: Path) -> None:
    assert suite_folder("thorns") == suite_folder("roses") == named


def test_a_folder_without_a_suite_hides_none(named: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "work" / "thorns").mkdir(parents=True)
    (tmp_path / "work" / "other").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert suite_folder("thorns") == named
    assert suite_folder("other") == tmp_path / "work" / "other"
