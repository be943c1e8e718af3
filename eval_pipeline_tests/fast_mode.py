"""`pytest --fast`: a test that starts a process or a server, or opens a Dagster instance, is skipped when it does.

Python's audit events say so at the moment it happens, so there is no list of such tests to keep.
"""

import sys
import threading
from typing import Any

import dagster as dg
import pytest

_STARTS = {
    "socket.bind": "a server",
    "subprocess.Popen": "a process",
    "os.posix_spawn": "a process",
    "os.fork": "a process",
}
_test_runs = False


def skip_what_starts_something() -> None:
    """Skip each test of this process at its first such event."""
    sys.addaudithook(_skip)
    dg.DagsterInstance.__init__ = _skip_instance  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Any:
    """Within the tests only: pytest itself may start what it wants."""
    global _test_runs  # noqa: PLW0603 - an audit hook cannot be removed
    _test_runs = True
    try:
        return (yield)
    finally:
        _test_runs = False


def _skip(event: str, arguments: tuple[Any, ...]) -> None:
    del arguments
    if _test_runs and event in _STARTS and threading.current_thread() is threading.main_thread():
        pytest.skip(f"--fast: starts {_STARTS[event]}")


def _skip_instance(*_: Any, **__: Any) -> None:
    pytest.skip("--fast: opens a Dagster instance")
