"""Which tests start something: a server, a process, Dagster, or the terminal. They have the marker `starts`.

It is found in a test's code and its fixtures', and in what of these tests they call, so that there is no list to keep.
In `make test-fast` a test that starts something in another way fails, and says so.
"""

import functools
import inspect
import sys
from collections.abc import Iterable, Iterator
from multiprocessing.process import BaseProcess
from types import CodeType, FunctionType, ModuleType
from typing import Any

import dagster as dg
import pytest

_OURS = ("bench", "dependencies", "eval_pipeline_tests")
_STARTERS = (
    "concurrent.futures.process",
    "eval_pipeline.api.server",
    "eval_pipeline.cli.main",
    "eval_pipeline.defs.launching.instance",
    "eval_pipeline.langsmith.local_recorder",
    "eval_pipeline.recorder.server",
    "eval_pipeline.serving.server",
    "eval_pipeline.testing.chat_models",
    "eval_pipeline.testing.openai_server.server",
    "eval_pipeline.testing.plugin",
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
_ASKED_BY_LANGSMITH = {"docker", "docker-compose", "git", "uname"}
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
_known: dict[int, bool] = {}


def mark(items: list[pytest.Item]) -> None:
    """Give the marker to the tests that start something."""
    for item in items:
        if isinstance(item, pytest.Function) and any(map(_starts, _used_by_test(item))):
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


def _used_by_test(item: pytest.Function) -> Iterator[Any]:
    """The test, its parameters, and its fixtures, those too that its parameters name."""
    yield inspect.unwrap(item.obj)
    parameters = list(item.callspec.params.values()) if hasattr(item, "callspec") else []
    yield from parameters
    manager = item.session._fixturemanager
    for name in [*item.fixturenames, *(value for value in parameters if isinstance(value, str))]:
        for definition in manager.getfixturedefs(name, item) or ():
            yield definition.func


def _starts(start: Any) -> bool:
    """Whether to use an object starts something, by itself or by what of these tests it uses."""
    if id(start) in _known:
        return _known[id(start)]
    waiting, seen = [start], set[int]()
    while waiting:
        used = waiting.pop()
        if _is_starter(used):
            break
        if id(used) not in seen:
            seen.add(id(used))
            waiting += _used_by(used)
    else:
        used = None
    if isinstance(start, FunctionType):  # which stays, so that its id is its own
        _known[id(start)] = used is not None
    return used is not None


def _used_by(used: Any) -> Iterable[Any]:
    """What a function or a class of these tests uses; of another object its type, of a collection what is in it."""
    if isinstance(used, FunctionType):
        return _used_in_code(inspect.unwrap(used)) if _module(used).startswith(_OURS) else ()
    if isinstance(used, type):
        return [*map(_function_of, vars(used).values()), *used.__bases__] if _module(used).startswith(_OURS) else ()
    if type(used) is dict:
        return list(used.values())
    return used if type(used) in (list, tuple) else [type(used)]


def _used_in_code(function: FunctionType) -> Iterator[Any]:
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


def _function_of(member: Any) -> Any:
    """Of a class's member: a property's getter, a class method's function."""
    return inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))


def _is_starter(used: Any) -> bool:
    return any(used is instance for instance in _INSTANCES) or f"{_module(used)}.".startswith(
        tuple(f"{starter}." for starter in _STARTERS)
    )


def _module(used: Any) -> str:
    """Where an object is defined; of a module its name."""
    module = used.__name__ if isinstance(used, ModuleType) else getattr(used, "__module__", None)
    return module if isinstance(module, str) else ""


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS and not (event == "subprocess.Popen" and arguments[0] in _ASKED_BY_LANGSMITH):
        _seen.append(f"{_EVENTS[event]} {arguments[:1]}")


def _announced(method: Any, event: str) -> Any:
    @functools.wraps(method)
    def announced(*arguments: Any, **named: Any) -> Any:
        sys.audit(event)
        return method(*arguments, **named)

    return announced
