"""A bucket whose server stops in the middle of a run: one line says so, what was finished is kept, the run goes on."""

import threading
import time
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from eval_pipeline_tests.cli.terminal import Terminal
from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server

CASES = 12
AGENT = """\
import pathlib, time

HERE = pathlib.Path(__file__).parent


def answer(message):
    with (HERE / "calls").open("a") as calls:
        calls.write(message + "\\n")
    if message == "6" and not (HERE / "gone").exists():
        time.sleep(0.5)
        (HERE / "reached").touch()
        while not (HERE / "gone").exists():
            time.sleep(0.02)
    return message
"""
SUITE = """\
name: shop
cases: cases.yaml
target: {kind: python, path: "agent.py:answer"}
evaluation: {max_concurrency: 1}
"""


def _started(port: int = 0) -> tuple[ThreadedMotoServer, int]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server, int(server.get_host_and_port()[1])


def test_a_run_whose_bucket_goes_away_keeps_what_it_finished_and_goes_on(
    terminal: Terminal, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [
        f'- {{id: "c{n:02d}", input: "{n}", assertions: [{{type: equals, value: "{n}"}}]}}\n' for n in range(CASES)
    ]
    for name, text in {"suite.yaml": SUITE, "agent.py": AGENT, "cases.yaml": "".join(cases)}.items():
        (suite / name).write_text(text)
    server, port = _started()
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

    def stop_half_way() -> None:
        while not (suite / "reached").exists():
            time.sleep(0.02)
        server.stop()
        (suite / "gone").touch()

    stopping = threading.Thread(target=stop_half_way, daemon=True)
    stopping.start()
    broken = terminal("run", suite, "--store", store)
    stopping.join(timeout=10)

    assert broken.code == 3
    assert "check that the endpoint is there" in broken.stderr
    assert "Traceback" not in broken.stderr

    again, _ = _started(port)
    try:
        done = terminal("run", suite, "--store", store, "--resume", "--json")
    finally:
        again.stop()
    assert done.code == 0, done.stderr
    assert done.document["status_counts"] == {"passed": CASES}
    calls = (suite / "calls").read_text().split()
    # What was finished before the server went is not asked again.
    assert [calls.count(str(n)) for n in range(6)] == [1] * 6
