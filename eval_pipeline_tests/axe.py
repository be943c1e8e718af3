"""axe-core, which finds faults of accessibility on a page; fetched once from npm, in one version, into a cache."""

import functools
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from eval_pipeline_tests.browser import Page

VERSION = "4.10.3"
SHA256 = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
_TIMEOUT_S = 60


def violations(page: Page) -> list[str]:
    """The violated rules of the open page, each with the elements that violate it; skips the test without axe-core."""
    page.evaluate(f"{source()}; 0")
    result: dict[str, Any] = json.loads(page.evaluate("axe.run(document).then(JSON.stringify)"))
    assert result["passes"], "axe looked at nothing"
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:5]]}" for each in result["violations"]]


@functools.cache
def source() -> str:
    """The script of axe-core."""
    file = Path(platformdirs.user_cache_dir("eval_pipeline_tests")) / f"axe-core-{VERSION}.js"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_fetched())
    script = file.read_bytes()
    assert hashlib.sha256(script).hexdigest() == SHA256, f"{file} is not axe-core {VERSION}: delete it"
    return script.decode()


def _fetched() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, which fetches axe-core")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"axe-core@{VERSION}", "--silent"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_TIMEOUT_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"axe-core could not be fetched from npm: {error}")
        with tarfile.open(Path(folder) / f"axe-core-{VERSION}.tgz") as archive:
            script = archive.extractfile("package/axe.min.js")
            assert script is not None
            return script.read()
