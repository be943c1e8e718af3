"""Every page in a browser: accessible, no wider than the screen in the light and in the dark, usable by keyboard."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from langchain_core.prompts import ChatPromptTemplate

from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.axe import violations
from eval_pipeline_tests.browser import Page, a_page, needs_chromium
from eval_pipeline_tests.recorder.frames import a_client, a_run, post_runs
from eval_pipeline_tests.recorder.test_pages import recorded

pytestmark = needs_chromium

LONG = "a_feedback_key_that_is_very_long_and_has_no_place_to_break"
SIZES = [(1440, False), (390, True)]


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with a_page() as page:
        yield page


def every_page(server: RecorderServer) -> dict[str, str]:
    """The address of each page, with something on it."""
    shown = recorded(server, cases=3)
    client = a_client(server)
    for text in ("You are a judge.", "You are a fair judge."):
        prompt = client.push_prompt(
            "judge", object=ChatPromptTemplate.from_messages([("system", text), ("user", "{question}")])
        )
    start = datetime.now(UTC) - timedelta(minutes=2)
    said = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "**Hi**\n\n- a\n- b"}]}
    call = {"id": "c", "function": {"name": "look", "arguments": '{"at": "the shelf"}'}}
    said["messages"][1:1] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},  # type: ignore[dict-item]
        {"role": "tool", "tool_call_id": "c", "content": '{"deep": {"er": "' + "x" * 500 + '"}}'},
    ]
    turns = [
        a_run(
            start=start,
            session_name="chat",
            inputs={"messages": said["messages"][:1]},
            outputs=said,
            extra={"metadata": {"thread_id": "t 1"}},
        )
        for _ in range(2)
    ]
    post_runs(server, *turns)
    client.create_feedback(
        turns[0]["id"],
        key=LONG,
        score=0.0,
        session_id=client.read_project(project_name="chat").id,
        start_time=start,
        feedback_source_type="model",
    )
    chat = client.read_project(project_name="chat").url
    queue = client.create_annotation_queue(name="review", rubric_instructions="Look.")
    runs = [turns[0]["id"], *shown["roots"][:2]]
    httpx.post(f"{server.url}/annotation-queues/{queue.id}/runs", json=runs).raise_for_status()
    client.flush()
    client.close()
    hashes = [each["commit_hash"] for each in server.recorder.hub.commits("judge")["commits"]]
    example = next(iter(server.recorder.compared.example_order(shown["urls"]["dataset"].split("/")[-1])))
    return {
        **shown["urls"],
        "compared example": shown["urls"]["compare"].replace("/compare?", f"/compare/e/{example}?"),
        "chat": f"{chat}/r/{turns[0]['id']}?expand=all",
        "prompts": f"{server.url}/prompts",
        "prompt": prompt,
        "prompt difference": f"{server.url}/prompts/judge/diff?then={hashes[1]}&now={hashes[0]}",
        "threads": f"{chat}/threads",
        "thread": f"{chat}/t/t%201",
        "queues": f"{server.url}/queues",
        "queue": f"{server.url}/o/any/annotation-queues/{queue.id}",
        "label": f"{server.url}/o/any/annotation-queues/{queue.id}/label",
        "error": f"{server.url}/nowhere",
    }


def test_no_page_has_a_fault_of_accessibility_or_is_wider_than_the_screen(server: RecorderServer, tab: Page) -> None:
    faults = list[str]()
    for name, url in every_page(server).items():
        for width, dark in SIZES:
            tab.console.clear()
            tab.open(url, width=width, height=900, dark=dark)
            shown = f"{name} at {width}"
            faults.extend(f"{shown}: {each}" for each in violations(tab))
            if (wide := tab.evaluate("document.documentElement.scrollWidth")) > width:
                faults.append(f"{shown}: {wide} pixels wide")
            if name != "error":
                faults.extend(f"{shown}: {each}" for each in tab.console)
    assert faults == []


def press(tab: Page, key: str, *, ctrl: bool = False) -> None:
    """Press a key, as a keyboard does."""
    text = {} if ctrl or len(key) > 1 else {"text": key}
    for kind in ("keyDown", "keyUp"):
        tab.send("Input.dispatchKeyEvent", type=kind, key=key, modifiers=2 if ctrl else 0, **text)


def test_rows_pages_and_search_are_reached_by_keyboard(server: RecorderServer, tab: Page) -> None:
    tab.open(every_page(server)["first"])
    focused = "document.activeElement.closest('tr')?.rowIndex ?? document.activeElement.name"
    seen = list[Any]()
    for key in ("j", "j", "j", "k", "ArrowDown", "ArrowUp", "/"):
        press(tab, key)
        seen.append(tab.evaluate(focused))
    assert seen == [1, 2, 3, 2, 3, 2, "q"]
    press(tab, "j")
    assert tab.evaluate("document.activeElement.value") == "j"
    press(tab, "Escape")
    press(tab, "?")
    assert tab.evaluate("document.getElementById('keys').open")


def test_a_label_given_by_keyboard_is_read_by_the_sdk(server: RecorderServer, tab: Page) -> None:
    url = every_page(server)["label"]
    tab.open(url)
    run_name = tab.evaluate("document.querySelector('h1').textContent")
    tab.evaluate("document.querySelector('[name=reviewer]').value = 'Ada'; 0")
    press(tab, "j")
    press(tab, "j")
    tab.wait_for("document.activeElement.closest('[data-rate]') !== null")
    key = tab.evaluate("document.activeElement.closest('[data-rate]').querySelector('legend').textContent")
    press(tab, "1")
    press(tab, "Enter", ctrl=True)
    tab.wait_for("document.readyState === 'complete' && location.search.startsWith('?after=')")
    assert tab.evaluate("document.querySelector('[name=reviewer]').value") == "Ada"

    client = a_client(server)
    given = list(client.list_feedback())
    client.close()
    mine = [each for each in given if each.feedback_source and each.feedback_source.user_name == "Ada"]
    assert [(each.key, each.score) for each in mine] == [(key, 1.0)]
    assert server.recorder.runs.get(str(mine[0].run_id))["name"] == run_name


def test_a_running_experiment_is_followed_until_it_ends(server: RecorderServer, tab: Page) -> None:
    client = a_client(server)
    dataset = client.create_dataset("followed")
    session = client.create_project("running", reference_dataset_id=dataset.id)
    tab.open(str(session.url))
    tab.wait_for("document.getElementById('live').textContent.startsWith('running: 0 of 0')")
    post_runs(server, a_run(session_name="running", name="first of all"))
    tab.wait_for("document.getElementById('region').textContent.includes('first of all')")
    client.update_project(session.id, end_time=datetime.now(UTC))
    tab.wait_for("document.getElementById('live').textContent === 'ended'")
    client.close()
    tab.open("about:blank")
