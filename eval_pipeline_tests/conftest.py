"""What holds for every test: temporary files in memory, an environment of its own, no process left behind."""

import contextlib
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline_tests.child_processes import adopt_orphans, end_descendants, end_on_sigterm
from eval_pipeline_tests.ports import reserved_port

_IN_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 4 * 2**30
_RECORDER_PORT = pytest.StashKey[int]()
_caches = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process, be it the one that was started or a worker of it."""
    end_on_sigterm()
    adopt_orphans()
    _keep_temporary_files_in_memory()
    if not _runs_tests(config):
        return
    # Workers would wait for imports of this process, which only they need.
    import hypothesis  # noqa: PLC0415

    from eval_pipeline_tests import starts  # noqa: PLC0415
    from eval_pipeline_tests.dagster_homes import prepare_dagster  # noqa: PLC0415

    # By default an example fails that takes more than 0.2 s, as on a busy machine any may.
    hypothesis.settings.register_profile("tests", deadline=None, max_examples=60)
    hypothesis.settings.load_profile("tests")
    prepare_dagster()
    reserved = contextlib.ExitStack()
    config.stash[_RECORDER_PORT] = reserved.enter_context(reserved_port())
    config.add_cleanup(reserved.close)
    if "not starts" in config.option.markexpr:
        starts.watch()
        config.pluginmanager.register(starts)


def _runs_tests(config: pytest.Config) -> bool:
    """Whether this process runs tests, and has no workers for that."""
    return hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests before `-m` chooses among them, and put long ones first, so that workers end at the same time."""
    from eval_pipeline_tests import starts  # noqa: PLC0415 - as above

    starts.mark(items)
    long = {item.path for item in items if item.get_closest_marker("starts")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Set aside what imports made: full collections would look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End what tests that were killed left running."""
    end_descendants()


def _keep_temporary_files_in_memory() -> None:
    """SQLite and the store wait for the disk at every commit: two thirds of a second in each run of a suite."""
    if "TMPDIR" in os.environ or not _IN_MEMORY.is_dir():
        return
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free >= _MEMORY_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_IN_MEMORY)


@pytest.fixture(scope="session")
def own_recorder_url(pytestconfig: pytest.Config) -> str:
    """Where this process's runs start their recorder: at the usual port another may run, with other traces."""
    return f"http://127.0.0.1:{pytestconfig.stash[_RECORDER_PORT]}"


@pytest.fixture(scope="session")
def _caches_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def _own_environment(_caches_folder: Path, monkeypatch: pytest.MonkeyPatch, own_recorder_url: str) -> None:
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "EVAL_PIPELINE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(_caches_folder / str(next(_caches))))
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", own_recorder_url)


@pytest.fixture(autouse=True, scope="module")
def _set_aside_again() -> None:
    """An evaluation takes back what it set aside, and all that was before it."""
    gc.collect(1)
    gc.freeze()


@pytest.fixture
def port() -> Iterator[int]:
    """A port of loopback that is this test's alone, where nothing listens yet."""
    with reserved_port() as port:
        yield port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a suite."""
    folder = tmp_path / "suite"
    folder.mkdir()
    return folder
