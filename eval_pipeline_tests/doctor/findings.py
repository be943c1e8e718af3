"""What `eval-pipeline doctor` finds."""

from typing import Any

from eval_pipeline_tests.cli.terminal import Terminal


def found_by(terminal: Terminal, *arguments: str, code: int = 3, health: str = "failed") -> dict[str, Any]:
    """The findings of one kind, by default those that say that runs will fail, by subject."""
    done = terminal("doctor", "--json", *arguments)
    assert done.code == code, done.stderr
    findings: Any = done.document
    return {finding["subject"]: finding for finding in findings if finding["health"] == health}
