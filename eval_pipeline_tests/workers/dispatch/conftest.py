"""A suite in a bucket, and AWS's services around it, by moto over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.s3_servers import moto_server
from eval_pipeline_tests.workers.begun import Begun, set_up_environment, write_counting_suite
from eval_pipeline_tests.workers.dispatch.lambda_service import LambdaService, lambda_service

HANDLERS = {
    "worker": "eval_pipeline.workers.aws_lambda.handler",
    "worker-prefetch": "eval_pipeline.workers.state_machine.aws_lambda.prefetch",
    "worker-summarise": "eval_pipeline.workers.state_machine.aws_lambda.summarise",
}
World = Callable[..., Begun]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Makes a suite, with the given number of cases and `compute:`, in a world of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with moto_server() as server, RecorderServer() as recorder:
        config = {"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}
        httpx.post(f"{server.endpoint}/moto-api/config", json=config).raise_for_status()
        # By it the interpreter of state machines finds the other services.
        monkeypatch.setenv("MOTO_PORT", server.endpoint.rpartition(":")[2])

        def begin(*, cases: int, compute: str, trace_mode: str = "grafted") -> Begun:
            suite = write_counting_suite(tmp_path / "suites" / "counted", cases=cases, compute=compute)
            begun = Begun(
                folder=tmp_path,
                suite=suite,
                bucket=server.bucket(),
                endpoint=server.endpoint,
                recorder=recorder.url,
                trace_mode=trace_mode,
            )
            set_up_environment(begun, monkeypatch)
            return begun

        yield begin


Serving = Callable[[Begun], LambdaService]


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """Makes the functions of a world."""
    opened = []

    def made(begun: Begun) -> LambdaService:
        context = lambda_service(HANDLERS, begun.environment, monkeypatch)
        opened.append(context)
        return context.__enter__()

    yield made
    for context in opened:
        context.__exit__(None, None, None)
