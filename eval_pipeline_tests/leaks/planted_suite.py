"""A suite with secrets in twelve places, and an agent that calls models and tools in threads and child processes."""

import csv
import json
from pathlib import Path
from typing import Any

import yaml

from eval_pipeline_tests.redaction.planted import SECRETS

PLACES = (
    "input",
    "case metadata",
    "case description",
    "earlier messages",
    "reference",
    "assertion",
    "table",
    "document",
    "answer",
    "tool call",
    "tool result",
    "exception",
    "log and print",
    "thread of the agent",
    "judge",
    "simulated user",
)
_TO_HIDE = {name: secret for name, secret in SECRETS.items() if name not in ("database", "slack webhook")}
"""Those of which every part must go."""

AGENT = '''
import json, logging, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, get_args, get_origin

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langsmith import traceable

from eval_pipeline.context.shared_context import get_shared_context

S = json.loads((Path(__file__).parent / "secrets.json").read_text())
CHILD = """
import os
from langsmith.utils import tracing_is_enabled
assert not tracing_is_enabled(), dict(os.environ)
"""


def model(*replies):
    return FakeListChatModel(responses=list(replies))


@tool
def look(key: str) -> str:
    """Look something up."""
    return "found " + " ".join(S["tool result"])


@traceable
def traced(text: str) -> str:
    return "traced " + text


def in_thread() -> None:
    for secret in S["thread of the agent"]:
        model("reply " + secret).invoke("ask " + secret)
        traced(secret)


def answer(message: str):
    for secret in S["log and print"]:
        logging.getLogger("agent").warning("log %s", secret)
        print("print", secret)
        print("err", secret, file=sys.stderr)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda text: model("pooled").invoke(text).content, [message, *S["thread of the agent"]]))
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    if "child" in message:
        subprocess.run([sys.executable, "-c", CHILD], check=True)
    if "break" in message:
        raise RuntimeError("broken by " + "\\n".join(S["exception"]))
    look.invoke({"key": " ".join(S["tool call"])})
    table = get_shared_context().table("rows") if get_shared_context() else ""
    said = model("Answer: " + " ".join(S["answer"])).invoke(message + str(table))
    return {"response": said.content, "events": [
        {"type": "tool_call", "name": "look", "args": {"key": S["tool call"]}, "id": "1"},
        {"type": "tool_result", "name": "look", "id": "1",
         "content": json.dumps({"log": "\\n".join(S["tool result"])})},
    ]}


class Judge(FakeListChatModel):
    """Fills any form: its texts with secrets."""

    def __init__(self, **_):
        super().__init__(responses=["judged " + " ".join(S["judge"])])

    def with_structured_output(self, form, **_):
        def filled(kind):
            if get_origin(kind) is Literal:
                return get_args(kind)[-1]
            return "because " + "\\n".join(S["judge"]) if kind is str else kind(1)

        fields = {name: field.annotation for name, field in form.model_fields.items()}
        return self | RunnableLambda(lambda _: form(**{name: filled(kind) for name, kind in fields.items()}))


async def user(transcript):
    return "I say " + " ".join(S["simulated user"]) if len(transcript) < 2 else None


def check(response):
    return {"passed": True, "message": "checked " + json.dumps(S["judge"]), "score": 1.0}
'''


def planted() -> dict[str, list[str]]:
    """By place, the secrets that are planted there: each in one, all of them in some."""
    names = list(_TO_HIDE)
    return {place: [_TO_HIDE[name] for name in names[number :: len(PLACES)]] for number, place in enumerate(PLACES)}


def write_planted_suite(folder: Path, **fields: Any) -> Path:
    """Write the suite into `folder`. Returns it."""
    secrets = planted()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "agent.py").write_text(AGENT)
    (folder / "secrets.json").write_text(json.dumps(secrets))
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["key", "note"], *([f"k{i}", s] for i, s in enumerate(secrets["table"]))])
    (folder / "notes.jsonl").write_text(
        json.dumps({"id": "n1", "text": "note " + " ".join(secrets["document"])}) + "\n"
    )
    cases = [
        {
            "id": name,
            "input": f"{name} " + json.dumps({"log": "key:\n" + "\n".join(secrets["input"])}),
            "description": "described " + " ".join(secrets["case description"]),
            "metadata": {"note": " ".join(secrets["case metadata"])},
            "assertions": [
                {"type": "not_contains", "value": " ".join(secrets["assertion"])},
                {"type": "python", "path": "agent.py:check"},
                {"type": "llm_rubric", "value": "good, and " + " ".join(secrets["assertion"])},
            ],
        }
        for name in ("child", "break", "plain")
    ]
    goal = "to ask " + " ".join(secrets["simulated user"])
    asserted = [{"type": "python", "path": "agent.py:check"}]
    cases.append({"id": "simulated", "assertions": asserted, "simulation": {"script": "agent.py:user", "goal": goal}})
    suite = {
        "name": "planted",
        "cases": "cases.yaml",
        "context": {
            "tables": {"rows": {"file": "rows.csv", "key": "key"}},
            "documents": {"source": {"file": "notes.jsonl"}, "retrieval": {"k": 1}},
        },
        "target": {"kind": "python", "path": "agent.py:answer"},
        "judge": {"model": "agent.py:Judge"},
        **fields,
    }
    (folder / "cases.yaml").write_text(yaml.safe_dump(cases, allow_unicode=True))
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return folder
