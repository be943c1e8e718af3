"""Headless Chromium for tests of pages, driven over its DevTools protocol."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

_TIMEOUT_S = 60.0


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.console: list[str] = []
        """What the page logged, and the exceptions of its scripts."""

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_TIMEOUT_S))
            if message.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.console.append(json.dumps(message["params"]))
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Navigate to `url` and wait until it is loaded."""
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _TIMEOUT_S
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}\n{self.evaluate('document.body.innerText')}"
            time.sleep(0.05)

    def screenshot(self, file: Path) -> None:
        """Write the visible part of the page to a PNG file."""
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def a_page() -> Iterator[Page]:
    """A tab of a new browser, which ends with the block."""
    with a_browser() as tab, connect(tab, max_size=None) as socket:
        yield Page(socket)


@contextlib.contextmanager
def a_browser() -> Iterator[str]:
    """The address of the first tab of a new browser, which ends with the block."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
        # Shared memory can be small or full; the browser ends at once without room there.
        options += ["--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        with (Path(profile) / "stderr").open("wb") as stderr:
            browser = subprocess.Popen([PROGRAM, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            yield _first_tab(browser, Path(profile))
        finally:
            browser.terminate()
            browser.wait(timeout=_TIMEOUT_S)


def _first_tab(browser: subprocess.Popen[bytes], profile: Path) -> str:
    """The DevTools address of a starting browser's tab; its port stands in a file before it listens there."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end and browser.poll() is None:
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError, OSError):
            port = int((profile / "DevToolsActivePort").read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=_TIMEOUT_S) as answer:
                tabs = [str(tab["webSocketDebuggerUrl"]) for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return tabs[0]
        time.sleep(0.05)
    log = (profile / "stderr").read_text(errors="replace")[-2000:]
    pytest.fail(f"the browser did not start (exit code {browser.poll()}): {log}")
