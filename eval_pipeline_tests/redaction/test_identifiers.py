"""Identifiers stay as they are wherever they are written; a key of a provider cannot be one."""

import binascii
from pathlib import Path

import orjson
import pytest

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.identifiers import provider_of_key, with_identifiers
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset, cases_of_table
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.tracing.send.queued_item import PendingItem, serialize
from eval_pipeline_tests.building import a_suite

IDS = ["sk-order-cancelled-late-a", "sk-order-cancelled-late-b", "4539578763621486", "4556737586899855"]
REDACTOR = Redactor()


def checked_token(body: str = "a1B2" * 7 + "xy") -> str:
    rest, digits = binascii.crc32(body.encode()), ""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    while rest:
        rest, digit = divmod(rest, 62)
        digits = alphabet[digit] + digits
    return f"ghp_{body}{digits.rjust(6, '0')}"


KEYS = [checked_token(), "AKIA" + "ABCD2345" * 2, "xoxb-123456789012-1234567890123-" + "aB3" * 8, "AIza" + "b" * 35]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_a_provider_cannot_be_the_id_of_a_case_and_is_not_shown(folder: Path, key: str) -> None:
    (folder / "c.yaml").write_text(f"- {{id: a, input: x}}\n- {{id: {key}, input: x}}\n")
    with pytest.raises(InputError) as caught:
        load_dataset(a_suite(folder, cases="c.yaml"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (2, "id")
    assert "the id is a key of" in problem.message
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "text", [*IDS, checked_token()[:-1] + "_", "ghp_" + "a" * 36, "AKIA" + "a" * 16, "sk-" + "a1" * 20]
)
def test_what_only_looks_like_a_key_may_be_an_id(text: str) -> None:
    assert provider_of_key(text) is None


def test_a_stored_case_keeps_its_id_and_is_read_back_if_nothing_else_was_redacted() -> None:
    cases = [Case.model_validate({"id": name, "input": "x"}) for name in IDS]
    mail = Case.model_validate({"id": "sk-order-cancelled-late-c", "input": "ann@example.com"})
    table = Dataset.of([*cases, mail]).to_table()
    read = cases_of_table(table)
    assert [read[name] for name in IDS] == cases
    assert read[mail.id] is None
    stored = [orjson.loads(content) for content in table.column("content").to_pylist()]
    assert sorted(content["id"] for content in stored) == sorted([*IDS, mail.id])
    assert "ann@example.com" not in str(stored)


def test_a_run_keeps_the_ids_in_its_name_and_metadata_and_nothing_else() -> None:
    secret = "sk-" + "a1B2" * 8
    run = {
        "id": "7d9b0f6e-0000-7000-8000-000000000000",
        "name": IDS[0],
        "inputs": {"case_id": IDS[0], "text": secret},
        "extra": {
            "metadata": {"case_id": IDS[0], "dagster_partition": IDS[0], "note": secret, "suite": "sk_" + "a" * 20}
        },
    }
    (item,) = serialize([PendingItem(kind="run", body=run, graft=False)], REDACTOR)
    assert item.head["name"] == IDS[0]
    assert orjson.loads(item.payload["inputs"]) == {"case_id": IDS[0], "text": "[redacted:api_key]"}
    kept = {"case_id": IDS[0], "dagster_partition": IDS[0], "suite": "sk_" + "a" * 20}
    assert orjson.loads(item.payload["extra"])["metadata"] == {**kept, "note": "[redacted:api_key]"}


def test_only_text_under_keys_of_identifiers_is_kept() -> None:
    before = {"case_id": IDS[0], "run_id": {"x": "ann@example.com"}, "other": IDS[0]}
    after = with_identifiers(before, REDACTOR.value(before))
    assert after == {"case_id": IDS[0], "run_id": {"x": "[redacted:email]"}, "other": "[redacted:api_key]"}


def test_a_problem_shows_the_id_of_its_case_and_no_secret_beside_it() -> None:
    problem = Problem(message="ann@example.com is wrong", fix="mend it", case=IDS[0], file="cases.yaml", line=3)
    assert problem.shown(REDACTOR.text) == f"cases.yaml:3 · case {IDS[0]}: [redacted:email] is wrong. Fix: mend it."
