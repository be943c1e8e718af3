"""The terminal, run in this process: fast, and with everything a shell would see."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from eval_pipeline.cli.main import main


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a shell sees of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Stdout, which must be one JSON document and nothing else."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


Terminal = Callable[..., Finished]


def terminal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Terminal:
    """A function that runs `eval-pipeline` with its arguments."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr("sys.argv", ["eval-pipeline", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capfd.readouterr()
        return Finished(code=int(stopped.value.code or 0), stdout=out, stderr=err)

    return run
