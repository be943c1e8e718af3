"""The options that change a suite for one run."""

import os
from pathlib import Path

import pytest

from eval_pipeline.cli.evaluate.changes import changed_suite, set_variables
from eval_pipeline.errors import InputError
from eval_pipeline_tests.building import a_suite

CHAT = {"kind": "chat", "model": "openai:gpt-4o"}
FACTORY = {"kind": "python", "path": "a.py:make", "factory": True, "options": {"model": "a", "k": 1}}


def test_the_model_and_the_concurrency_are_changed_and_nothing_else(folder: Path) -> None:
    suite = a_suite(folder, target=CHAT, evaluation={"max_concurrency": 8, "max_retries": 1})
    changed = changed_suite(suite, model="anthropic:claude-x", max_concurrency=2).spec
    assert changed.target.models == ("anthropic:claude-x",)
    assert (changed.evaluation.max_concurrency, changed.evaluation.max_retries) == (2, 1)
    assert changed.variants == suite.spec.variants
    assert changed_suite(suite, model="openai:gpt-4o", max_concurrency=None) == suite


def test_a_factory_gets_the_model_as_its_option(folder: Path) -> None:
    changed = changed_suite(a_suite(folder, target=FACTORY), model="b", max_concurrency=None)
    assert changed.spec.target.options == {"model": "b", "k": 1}


def test_a_target_without_a_model_and_workers_refuse_what_they_cannot_take(folder: Path) -> None:
    with pytest.raises(InputError, match="--model: the `recorded` target takes no `model`"):
        changed_suite(a_suite(folder), model="x", max_concurrency=None)
    workers = a_suite(folder, compute={"kind": "subprocess"})
    with pytest.raises(InputError, match=r"--max-concurrency: `compute: subprocess` reads suite\.yaml in each worker"):
        changed_suite(workers, model=None, max_concurrency=1)


def test_variables_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", "a")
    monkeypatch.setenv("EMPTY", "x")
    set_variables(["MODEL=b=c", "EMPTY="])
    assert (os.environ["MODEL"], os.environ["EMPTY"]) == ("b=c", "")
    for wrong in ("MODEL", "=x", "a b=c"):
        with pytest.raises(InputError, match="write NAME=VALUE"):
            set_variables([wrong])
