"""Tables are searched, filtered and sorted by their address; experiments are compared over the examples all have."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from eval_pipeline.recorder.pages.addresses import Address
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.recorder.store.compared import ComparedSide
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs

HTML = {"accept": "text/html,application/xhtml+xml"}


def an_experiment(
    server: RecorderServer, dataset: str, name: str, cases: dict[str, Any], examples: dict[str, str]
) -> str:
    """An experiment of which each case has an answer, a verdict and a score; an exception is its error."""
    client = a_client(server)
    session = client.create_project(name, reference_dataset_id=dataset)
    start = datetime.now(UTC) - timedelta(minutes=1)
    for number, (case, (answer, passed, score)) in enumerate(cases.items()):
        failed = isinstance(answer, Exception)
        run = a_run(
            start=start + timedelta(seconds=number),
            name=case,
            session_name=name,
            tags=["even" if number % 2 == 0 else "odd"],
            inputs={"input": f"What is {case}?"},
            outputs=None if failed else {"messages": [{"role": "assistant", "content": answer}]},
            error=repr(answer) if failed else None,
            reference_example_id=examples[case],
            extra={"metadata": {"case_id": case, "attempt": 1}},
        )
        assert post_runs(server, run).status_code == 202
        for key, value in (("passed", float(passed)), ("score", score), ("tone", score / 2)):
            verdict = ("passed" if passed else "failed") if key == "passed" else None
            client.create_feedback(
                run_id=run["id"],
                session_id=session.id,
                start_time=datetime.fromisoformat(run["start_time"]),
                key=key,
                score=value,
                value=verdict,
            )
    client.flush()
    client.close()
    return str(session.id)


@pytest.fixture
def compared(server: RecorderServer) -> dict[str, Any]:
    """Two experiments: `tea` regresses, `milk` improves, `water` says the same, `rum` was attempted by one only."""
    client = a_client(server)
    dataset = client.create_dataset("drinks")
    names = ["tea", "milk", "water", "rum", "東京"]
    client.create_examples(
        dataset_id=dataset.id,
        examples=[
            {
                "inputs": {"input": f"What is {name}?"},
                "metadata": {"case_id": name},
                "split": "hot" if n == 0 else "cold",
            }
            for n, name in enumerate(names)
        ],
    )
    examples = {
        str((each.metadata or {})["case_id"]): str(each.id) for each in client.list_examples(dataset_id=dataset.id)
    }
    client.close()
    then = {"water": ("Wet.", True, 1.0), "tea": ("A hot leaf.", True, 1.0), "milk": ("Black.", False, 0.25)}
    now = {"water": ("Wet.", True, 1.0), "tea": ("A cold leaf.", False, 0.5), "milk": ("White.", True, 1.0)}
    only = {"rum": (ValueError("no rum"), False, 0.0), "東京": ("都市", True, 1.0)}
    a = an_experiment(server, str(dataset.id), "then", then, examples)
    b = an_experiment(server, str(dataset.id), "now", {**now, **only}, examples)
    path = f"{server.url}/o/any/datasets/{dataset.id}/compare"
    return {
        "dataset": f"{server.url}/o/any/datasets/{dataset.id}",
        "a": f"{server.url}/o/any/projects/p/{a}",
        "b": f"{server.url}/o/any/projects/p/{b}",
        "compare": f"{path}?selectedSessions={a},{b}",
        "example": f"{path}/e/{{}}?selectedSessions={a},{b}",
        "examples": examples,
        "ids": (a, b),
    }


def rows(url: str) -> list[str]:
    """The names of the rows of a page's last table."""
    answer = httpx.get(url)
    assert answer.status_code == 200, answer.text
    return re.findall(r'<td class="(?:case )?name"><a href="[^"]*">([^<]*)<', answer.text)


@pytest.mark.parametrize(
    ("query", "cases"),
    [
        ("", ["water", "tea", "milk", "rum", "東京"]),
        ("result=failed", ["tea"]),
        ("result=errored", ["rum"]),
        ("result=not_passed", ["tea", "rum"]),
        ("result=passed&tag=even", ["water", "milk", "東京"]),
        ("q=LEAF", ["tea"]),
        ("q=都市", ["東京"]),
        ("q=no+rum", ["rum"]),
        ("split=hot", ["tea"]),
        ("key=tone&below=0.3", ["tea", "rum"]),
        ("sort=status&down=true", ["rum", "tea", "water", "milk", "東京"]),
        ("sort=score:score&down=false&result=passed", ["water", "milk", "東京"]),
    ],
)
def test_cases_are_found_by_what_the_address_says(compared: dict[str, Any], query: str, cases: list[str]) -> None:
    assert rows(f"{compared['b']}?{query}") == cases


def test_an_unknown_filter_is_refused_by_name(compared: dict[str, Any]) -> None:
    for url in (f"{compared['b']}?result=blue", f"{compared['b']}?key=tone&below=x", f"{compared['compare']}&only=odd"):
        assert httpx.get(url).status_code == 400, url
    assert "unknown result" in httpx.get(f"{compared['b']}?result=blue").text


@pytest.mark.parametrize(
    ("query", "cases"),
    [
        ("", ["tea", "milk", "water"]),
        ("&only=differs", ["tea", "milk"]),
        ("&only=regressed", ["tea"]),
        ("&only=improved", ["milk"]),
        ("&only=answers&sort=example", ["tea", "milk"]),
        ("&some=true&sort=example", ["tea", "milk", "water", "rum", "東京"]),
        ("&q=milk", ["milk"]),
        ("&split=cold&sort=example", ["milk", "water"]),
    ],
)
def test_experiments_are_compared_over_the_examples_both_have(
    compared: dict[str, Any], query: str, cases: list[str]
) -> None:
    assert rows(compared["compare"] + query) == cases


def test_a_comparison_of_numbers_is_over_shared_examples_and_has_intervals(compared: dict[str, Any]) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", httpx.get(compared["compare"]).text))
    assert "Over the 3 examples that all of them have; 1 regressed, 1 improved, 1 unchanged" in page
    assert re.search(r"examples attempted 3 5", page)
    # Of all its cases the second passed 60 %; of those that both have, as many as the first.
    assert re.search(r"passed 66\.7 % 66\.7 % ±0\.0 points \u2212[\d.]+ points to \+[\d.]+ points", page)
    assert "tone" in httpx.get(f"{compared['compare']}&show=tone").text.partition("<h2>")[0]
    swapped = httpx.get(f"{compared['compare']}&base={compared['ids'][1]}").text
    assert re.search(r"Differences are to <b>now</b>", swapped)


def test_any_number_of_experiments_is_compared_with_one_baseline(
    server: RecorderServer, compared: dict[str, Any]
) -> None:
    dataset, cases = compared["dataset"].split("/")[-1], {"water": ("Dry.", False, 0.0), "tea": ("Leaf.", True, 1.0)}
    third = an_experiment(server, dataset, "third", cases, compared["examples"])
    url = f"{compared['compare']},{third}"
    assert rows(url) == ["tea", "water"]
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", httpx.get(url).text))
    assert "Compare 3 experiments" in page
    assert re.search(r"passed 100 % 50 % \u221250\.0 points [^%]* 50 % \u221250\.0 points", page)
    example = httpx.get(f"{compared['example'].format(compared['examples']['water'])},{third}").text
    assert example.count('class="diff card"') == 2
    assert "The answers are the same" in example
    assert "<ins>Dry</ins>" in example


def test_two_answers_are_side_by_side_with_the_words_that_differ(compared: dict[str, Any]) -> None:
    page = httpx.get(compared["example"].format(compared["examples"]["tea"])).text
    assert "<del>hot</del>" in page
    assert "<ins>cold</ins>" in page
    assert re.search(r'href="[^"]*" data-key="n"', page)


def test_examples_and_experiments_of_a_dataset_are_searched(compared: dict[str, Any]) -> None:
    assert rows(f"{compared['dataset']}?q=milk&experiment=then") == ["then", "milk"]
    assert rows(f"{compared['dataset']}?split=hot&sort=score:score&down=false") == ["now", "then", "tea"]


def test_errors_are_pages_for_browsers_and_json_for_clients(server: RecorderServer) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    for path in (
        f"/o/any/projects/p/{nowhere}",
        "/no/such/page",
        f"/o/any/datasets/{nowhere}/compare",
        "/o/any/projects/p/x",
    ):
        page, answer = httpx.get(server.url + path, headers=HTML), httpx.get(server.url + path)
        assert page.status_code == answer.status_code
        assert page.status_code in (404, 422)
        assert (page.headers["content-type"].split(";")[0], answer.headers["content-type"]) == (
            "text/html",
            "application/json",
        )
        assert "<h1>" in page.text
    assert (
        "Select one or more experiments"
        in httpx.get(f"{server.url}/o/any/datasets/{nowhere}/compare", headers=HTML).text
    )


def test_a_failure_of_the_recorder_is_a_page_too(server: RecorderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.recorder.queues, "find", lambda **_: 1 / 0)
    page, answer = httpx.get(f"{server.url}/queues", headers=HTML), httpx.get(f"{server.url}/queues")
    assert (page.status_code, answer.status_code) == (500, 500)
    assert "ZeroDivisionError" in page.text
    assert answer.json() == {"detail": "Internal Server Error"}


def test_an_address_keeps_what_a_link_does_not_change() -> None:
    address = Address("/p", [("q", "a b"), ("show", "x"), ("show", "y"), ("page", "3"), ("tag", "")])
    assert address.link(sort="name") == "/p?q=a+b&show=x&show=y&sort=name"
    assert address.link(page=2) == "/p?q=a+b&show=x&show=y&page=2"
    assert address.without("q", "show") == "/p"
    assert address.others("show") == [("q", "a b")]


def test_an_attempt_that_broke_did_not_pass() -> None:
    assert ComparedSide(errors=1).number("passed") == 0
    assert ComparedSide().number("passed") is None
    assert ComparedSide(latencies=[1, 3]).number("latency") == 2
