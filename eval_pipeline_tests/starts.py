"""Which tests start something: a server, a process, Dagster, or the terminal. They have the marker `starts`.

It is found in a test's code and its fixtures', and in what of these tests they call, so that there is no list to keep.
In `make test-fast` a test that starts something in another way fails, and says so.
"""

import functools
import inspect
import sys
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from types import CodeType, FunctionType, ModuleType
from typing import Any

import dagster as dg
import pytest

_OURS = ("dependencies", "eval_pipeline_tests")
_STARTERS = (
    "bench",
    "concurrent.futures.process",
    "eval_pipeline.api.server",
    "eval_pipeline.cli.main",
    "eval_pipeline.defs.launching.instance",
    "eval_pipeline.langsmith.local_recorder",
    "eval_pipeline.recorder.server",
    "eval_pipeline.serving.server",
    "eval_pipeline_tests.ports",
    "http.server",
    "moto",
    "multiprocessing",
    "socketserver",
    "subprocess",
    "uvicorn",
)
"""Modules: to use them, or what they define, is to start something."""
_INSTANCES = (dg.DagsterInstance, dg.instance_for_test, dg.materialize, dg.build_sensor_context)
_ASKED_BY_LANGSMITH = {"docker", "docker-compose", "git"}
"""Programs that its SDK asks once a process for what it adds to runs."""
_INSTANCE, _PROCESS = f"{__name__}.instance", f"{__name__}.process"
_EVENTS = {
    "os.fork": "a process",
    "os.posix_spawn": "a process",
    "socket.bind": "a server",
    "subprocess.Popen": "a process",
    _INSTANCE: "a Dagster instance",
    _PROCESS: "a process",
}
_seen: list[str] = []


def mark(items: list[pytest.Item]) -> None:
    """Give the marker to the tests that start something."""
    for item in items:
        if isinstance(item, pytest.Function) and any(map(_starts, _functions(item))):
            item.add_marker("starts")


def watch() -> None:
    """Notice from now on what tests start."""
    sys.addaudithook(_notice)
    for owner, name, event in ((BaseProcess, "start", _PROCESS), (dg.DagsterInstance, "__init__", _INSTANCE)):
        setattr(owner, name, _announced(getattr(owner, name), event))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    """Fail a test without the marker that has started something."""
    _seen.clear()
    result = yield
    if _seen and not item.get_closest_marker("starts"):
        pytest.fail(f"eval_pipeline_tests/starts.py does not find that the test starts {', '.join(_seen)}")
    return result


def _functions(item: pytest.Function) -> Iterator[Any]:
    """The test, and its fixtures, those too that it asks for by the names in its parameters."""
    yield inspect.unwrap(item.obj)
    manager = item.session._fixturemanager
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    named = [value for value in parameters if isinstance(value, str)]
    for name in [*item.fixturenames, *named]:
        for definition in manager.getfixturedefs(name, item) or ():
            yield definition.func


@functools.cache
def _starts(function: Any) -> bool:
    """Whether a function, or a class of these tests, starts something."""
    return any(_is_starter(used) for used in _reached(function))


def _reached(start: Any) -> Iterator[Any]:
    """All that a function uses, by way of other functions and classes of these tests."""
    waiting, known = [start], set[int]()
    while waiting:
        used = waiting.pop()
        if id(used) in known:
            continue
        known.add(id(used))
        yield used
        if isinstance(used, FunctionType):
            waiting += _used_by(used)
        elif isinstance(used, type) and used.__module__.startswith(_OURS):
            waiting += [*map(_function_of, vars(used).values()), *used.__bases__]


def _function_of(member: Any) -> Any:
    """Of a class's member: a property's getter, a class method's function."""
    return inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))


def _used_by(function: FunctionType) -> Iterator[Any]:
    function = inspect.unwrap(function)
    if not function.__module__.startswith(_OURS):
        return
    names = set(_names(function.__code__))
    for name in names & function.__globals__.keys():
        used = function.__globals__[name]
        yield inspect.unwrap(used) if callable(used) else used
        if isinstance(used, ModuleType):
            yield from (getattr(used, attribute) for attribute in names if hasattr(used, attribute))
    yield from (cell.cell_contents for cell in function.__closure__ or ())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_starter(used: Any) -> bool:
    if any(used is instance for instance in _INSTANCES):
        return True
    module = used.__name__ if isinstance(used, ModuleType) else getattr(used, "__module__", None)
    return isinstance(module, str) and f"{module}.".startswith(tuple(f"{starter}." for starter in _STARTERS))


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and not (event == "subprocess.Popen" and arguments[0] in _ASKED_BY_LANGSMITH):
        _seen.append(f"{_EVENTS[event]} {arguments[:1]}")


def _announced(method: Any, event: str) -> Any:
    @functools.wraps(method)
    def announced(*arguments: Any, **named: Any) -> Any:
        sys.audit(event)
        return method(*arguments, **named)

    return announced
