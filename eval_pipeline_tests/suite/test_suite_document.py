"""`suite.yaml`: what is accepted, and that each mistake names line, field, cause and fix."""

import contextlib
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.building import a_suite, write_suite

HEAD = "name: sample\ncases: cases.yaml\ntarget: {kind: recorded}\n"


def problems_in(folder: Path, text: str) -> list[Problem]:
    (folder / "suite.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_suite(folder)
    assert all(problem.file == folder / "suite.yaml" for problem in caught.value.problems)
    return list(caught.value.problems)


def test_the_smallest_suite_has_name_cases_and_target(folder: Path) -> None:
    (folder / "suite.yaml").write_text(HEAD)
    suite = read_suite(folder)
    assert (suite.name, suite.spec.repetitions, suite.spec.schedule.enabled) == ("sample", None, False)


@pytest.mark.parametrize("text", ["", "- a\n", "text\n"])
def test_a_file_that_is_no_mapping_is_refused(folder: Path, text: str) -> None:
    assert [problem.message for problem in problems_in(folder, text)] == ["the file is not a mapping of fields"]


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        read_suite(folder / "gone")


@pytest.mark.parametrize(
    ("addition", "line", "field", "message", "fix"),
    [
        ("judg: {model: m}", 4, "judg", "unknown field 'judg'", "did you mean 'judge'?"),
        ("evaluation:\n  max_concurency: 2", 5, "evaluation.max_concurency", "unknown field", "'max_concurrency'?"),
        ("schedule: {cron: daily}", 4, "schedule.cron", "'daily' is not a cron expression", "five fields"),
        ("schedule: {timezone: Mars}", 4, "schedule.timezone", "'Mars' is not a time zone", "IANA"),
        ("owners: [me]", 4, "owners", "'me' is not an owner", "team:name"),
        ("repetitions: 0", 4, "repetitions", "greater than or equal to 1", "0"),
        ("gates: {min_pass_rate: 80}", 4, "gates.min_pass_rate", "less than or equal to 1", "80"),
        ("assertions:\n  - {type: contain, value: x}", 5, "assertions[0]", "unknown type 'contain'", "'contains'?"),
        ("assertions:\n  - {value: x}", 5, "assertions[0]", "field 'type' is missing", "add it"),
        ("assertions:\n  - {type: regex, value: '('}", 5, "assertions[0].value", "not a regular expression", "pattern"),
        ("assertions:\n  - {type: python, path: nope}", 5, "assertions[0].path", "not an import path", "file.py:"),
        ("assertions: [{type: contains, value: x, weight: -1}]", 4, "assertions[0].weight", "greater", "-1"),
        ("assertions: [{type: json_schema, schema: {type: o}}]", 4, "assertions[0].schema", "JSON Schema", "schema"),
        ("assertions: [{type: one_of, value: []}]", 4, "assertions[0].value", "at least 1", "[]"),
        ("assertions: [{type: grounded_in_context}]", 4, "assertions[0]", "nothing to compare", "`results`"),
        ("context: {tables: {my-table: {file: a.csv}}}", 4, "context.tables", "cannot name a table", "letters"),
        ("context: {tables: {documents: {file: a.csv}}}", 4, "context.tables", "cannot name a table", "taken"),
        ("context:\n  tables:\n    a:\n      csv: a", 7, "context.tables.a", "a source needs one of", "add one"),
        ("context: {documents: {source: {file: a}, retrieval: {method: embeddings}}}", 4, "context", "model", "bm25"),
        ("context: {documents: {source: {file: a}, retrieval: {query: '['}}}", 4, "context", "JMESPath", "JMESPath"),
    ],
)
def test_a_mistake_is_reported_with_line_field_cause_and_fix(
    folder: Path, addition: str, line: int, field: str, message: str, fix: str
) -> None:
    (problem,) = problems_in(folder, HEAD + addition + "\n")
    assert message in problem.message
    assert fix in problem.fix
    assert problem.line == line
    assert problem.field is not None
    assert problem.field.startswith(field)


@pytest.mark.parametrize("name", ["my-suite", "1st", "", "grüße", "a b", "x" * 64])
def test_a_name_that_dagster_cannot_have_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValidationError, match="cannot name a suite"):
        a_suite(folder, name=name)


def test_a_field_that_takes_one_of_several_plain_values_is_named(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_suite(write_suite(folder, evaluation={"cache": 3}))
    assert {problem.field for problem in caught.value.problems} == {"evaluation.cache"}


def test_all_mistakes_are_reported_at_once(folder: Path) -> None:
    text = "name: my-suite\ncases: {path: x}\ntarget: {kind: agent}\nextra: 1\n"
    assert [problem.field for problem in problems_in(folder, text)] == ["name", "cases[0]", "target", "extra"]


def test_environment_variables_reach_the_suite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(folder, evaluation={"max_concurrency": "${SAMPLE_WIDTH:-3}"})
    assert read_suite(folder).spec.evaluation.max_concurrency == 3
    monkeypatch.setenv("SAMPLE_WIDTH", "5")
    assert read_suite(folder).spec.evaluation.max_concurrency == 5


def test_a_path_is_in_the_suites_folder_or_else_in_the_working_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = a_suite(folder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").touch()
    assert suite.path("data.csv") == tmp_path / "data.csv"
    (folder / "data.csv").touch()
    assert suite.path("data.csv") == folder / "data.csv"
    assert suite.path("gone.csv") == folder / "gone.csv"
    assert suite.path(str(tmp_path / "data.csv")) == tmp_path / "data.csv"


@pytest.mark.parametrize(
    "cron",
    [
        "0 3 * * *",
        "*/15 0-6 1,15 jan-MAR mon-fri",
        "0 0 * * 7",
        "0 3 L * *",
        "0 3 * * 5#2",
        "0 3 * * 5L",
        "0 0 3 * * *",
        "@daily",
        "0 3 * *",
        "0 3 ? * *",
        "60 3 * * *",
        "0 3 LW * *",
        "0 3 15W * *",
        "0 0 30 2 *",
        "0 3 * * mon,wed",
        "H 3 * * *",
        "0 3 * jan *",
        "*/5 * * * *",
        "5/10 * * * *",
    ],
)
def test_a_schedule_that_is_accepted_dagster_takes(folder: Path, cron: str) -> None:
    try:
        a_suite(folder, schedule={"cron": cron})
    except ValidationError as error:
        assert "is not a cron expression" in str(error)  # noqa: PT017 - either is right, as long as Dagster agrees
    else:
        dg.ScheduleDefinition(job_name="j", cron_schedule=cron)


@pytest.mark.parametrize("cron", ["0 3 * * *", "*/15 0-6 1,15 jan-MAR mon-fri", "0 3 * * mon,wed"])
def test_the_usual_schedules_are_accepted(folder: Path, cron: str) -> None:
    assert a_suite(folder, schedule={"cron": cron}).spec.schedule.cron == cron


@pytest.mark.parametrize("cron", ["0 3 L * *", "0 3 * * 5#2", "0 3 LW * *", "0 0 3 * * *", "@daily"])
def test_schedules_beyond_five_plain_fields_are_refused(folder: Path, cron: str) -> None:
    with pytest.raises(ValidationError, match="is not a cron expression"):
        a_suite(folder, schedule={"cron": cron})


@pytest.mark.parametrize(
    ("owner", "accepted"),
    [
        ("team:a.b", True),
        ("me@x.yz", True),
        ("team:", False),
        ("me@x.y", False),
        ("ö@x.de", False),
        ("a@b_c.de", False),
    ],
)
def test_owners_are_those_dagster_takes(folder: Path, owner: str, accepted: bool) -> None:  # noqa: FBT001
    with contextlib.nullcontext() if accepted else pytest.raises(ValidationError, match="is not an owner"):
        a_suite(folder, owners=[owner])
    with contextlib.nullcontext() if accepted else pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.AssetSpec("a", owners=[owner])
