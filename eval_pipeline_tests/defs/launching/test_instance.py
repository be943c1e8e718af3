"""A DAGSTER_HOME made before modules moved is refused with the line to change, by every command that opens it."""

from pathlib import Path

import pytest

from eval_pipeline.defs.launching.instance import check_dagster_yaml, open_instance
from eval_pipeline.errors import InputError
from eval_pipeline_tests.cli.terminal import terminal as made_terminal

OLD = """\
telemetry: {enabled: false}
# once eval_pipeline.dagster_storage
event_log_storage: {module: eval_pipeline.dagster_storage, class: BatchingSqliteEventLogStorage}
run_launcher:
  module: eval_pipeline.celery_runs.launcher
  class: WatchedCeleryRunLauncher
storage:
  custom:
    module: eval_pipeline.dagster_postgres_storage
"""


def test_every_line_that_names_a_module_that_moved_is_reported_with_its_change(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(OLD)
    with pytest.raises(InputError) as refused:
        check_dagster_yaml(tmp_path)
    assert [(problem.line, problem.fix) for problem in refused.value.problems] == [
        (line, f"replace eval_pipeline.{old} with eval_pipeline.dagster_ext.{new} in that line")
        for line, old, new in (
            (3, "dagster_storage", "sqlite_storage"),
            (5, "celery_runs", "celery"),
            (9, "dagster_postgres_storage", "postgres_storage"),
        )
    ]


def test_what_it_tells_to_write_can_be_imported() -> None:
    for module in ("sqlite_storage", "postgres_storage", "celery.launcher"):
        pytest.importorskip(f"eval_pipeline.dagster_ext.{module}")


@pytest.mark.parametrize("arguments", [("run", "support_desk"), ("ui",), ("doctor", "--json")])
def test_no_command_opens_such_a_home(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dagster.yaml"
    file.write_text(OLD)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    finished = made_terminal(monkeypatch, capfd)(*arguments)

    assert finished.code == (3 if arguments[0] == "doctor" else 2)
    printed = (finished.stdout + finished.stderr).replace("\n", "").replace(" ", "")
    assert f"{file}:3:eval_pipeline.dagster_storageisnoweval_pipeline.dagster_ext.sqlite_storage" in printed
    assert not (tmp_path / "history").exists()


def test_a_home_that_is_made_now_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    for _ in range(2):
        with open_instance() as instance:
            assert type(instance.event_log_storage).__name__ == "BatchingSqliteEventLogStorage"
