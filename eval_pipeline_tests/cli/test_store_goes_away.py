"""A bucket whose server stops in the middle of a run: one line says so, what was finished is kept, the run goes on."""

from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.mid_run_failure import error_of, is_whole, mid_run_failure, write_suite
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server


def _started(port: int) -> ThreadedMotoServer:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


def test_a_run_whose_bucket_goes_away_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    suite = write_suite(tmp_path / "shop")
    server = _started(port)
    settings = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    store = f"s3://{S3Server(endpoint=settings['AWS_ENDPOINT_URL_S3']).bucket()}/team"

    with mid_run_failure(suite, server.stop):
        broken = terminal("run", suite, "--store", store)
    assert "check that the endpoint can be reached" in error_of(broken)

    again = _started(port)
    try:
        is_whole(terminal("run", suite, "--store", store, "--resume", "--json"), suite, store)
    finally:
        again.stop()
