"""The examples in the READMEs of openevals and agentevals are assertions here, unchanged, with the results documented.

Examples that ask a model get their documented score from an OpenAI-compatible server, and all else that they do with it
is theirs.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.testing.openai_server import OpenAIServer, openai_server, tool_call
from eval_pipeline_tests.assertions.evaluator_readmes import Example, examples_of
from eval_pipeline_tests.building import RECORDED, a_case, a_suite, evaluated

LEFT_OUT = {
    "openevals-23": "an image goes to the judge: cases are text",
    "openevals-31": "a recording goes to the judge: cases are text",
    "openevals-41": "asks a provider for embeddings, whose numbers cannot be predicted",
    "openevals-97": "asks a provider for embeddings, whose numbers cannot be predicted",
    "openevals-49": "needs pyright",
    "openevals-65": "needs a sandbox on the internet",
    "openevals-75": "needs a sandbox on the internet",
    "agentevals-24": "needs the thread of a running graph",
    "agentevals-27": "needs the thread of a running graph",
}
ACTUALLY: Mapping[str, tuple[str, float]] = {
    "openevals-45": ("json_match:average", 0.0),  # the README shows the key of another aggregator
    "openevals-93": ("exact_match", 1.0),  # the README says `equal`
    "openevals-95": ("levenshtein_distance", 1.0),  # the README says 0.0 of equal texts
    "openevals-100": ("regex_match", 0.0),  # `re.match` finds only what the text begins with
}
EXAMPLES = [example for package in ("openevals", "agentevals") for example in examples_of(package)]
RUN = [example for example in EXAMPLES if str(example) not in LEFT_OUT]


def is_messages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) and "role" in item for item in value)


def filled(schema: Mapping[str, Any], score: bool | float) -> dict[str, Any]:  # noqa: FBT001
    """An answer in the form that an evaluator asks for."""
    values = {"boolean": score, "number": score, "integer": score, "string": "As documented."}
    return {
        name: filled(field, score) if field.get("type") == "object" else values[field["type"]]
        for name, field in schema["properties"].items()
    }


def judging(example: Example) -> Any:
    def answer(body: Mapping[str, Any]) -> Any:
        if "tools" in body:
            function = body["tools"][0]["function"]
            return {
                "content": None,
                "tool_calls": [tool_call(function["name"], **filled(function["parameters"], example.score))],
            }
        return json.dumps(filled(body["response_format"]["json_schema"]["schema"], example.score))

    return answer


def written(example: Example, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The example as a recorded case, and as an assertion."""
    path, call = example.write(folder)
    outputs, reference, inputs = (call.get(name) for name in ("outputs", "reference_outputs", "inputs"))
    give = {"context": "metadata.context"} if "context" in call else {}
    case: dict[str, Any] = {"metadata": {"context": call.get("context", ""), "inputs": inputs}}
    if isinstance(inputs, str):
        give["inputs"] = "inputs.input"
    elif inputs is not None:
        give["inputs"] = "metadata.inputs"
    said = {"role": "user", "content": inputs if isinstance(inputs, str) else "Go on."}
    if is_messages(outputs):
        messages = outputs
        if example.key == "task_completion":  # takes the messages themselves
            give["outputs"] = "outputs.messages"
    else:
        text = outputs is None or isinstance(outputs, str)
        messages = [said, {"role": "assistant", "content": (outputs or "") if text else json.dumps(outputs)}]
        give["outputs"] = "outputs.response" if text else "json"
    if is_messages(reference):
        case["reference"] = {"messages": reference}
    elif reference is not None:
        case["reference"] = {"answer": reference}
        give["reference_outputs"] = "reference_outputs.answer"
    case["recordings"] = [{"messages": messages}]
    return case, {"type": "evaluator", "path": path, "give": give}


@pytest.mark.parametrize("example", RUN, ids=str)
async def test_an_example_has_its_documented_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, example: Example
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    # Where mypy finds these settings, and neither ours nor those of the person who runs the tests.
    (folder / "mypy.ini").write_text("[mypy]\ndisallow_untyped_defs = False\n")
    monkeypatch.chdir(folder)
    # The evaluator calls mypy by its name, which works only in an activated environment.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    with openai_server(judging(example)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        case, assertion = written(example, folder)
        result = await evaluated(a_suite(folder, target=RECORDED), a_case(**case, assertions=[assertion]))
    assert_judged(server, case, example)
    (found,) = result.assertions
    assert found.error is None, found.error.traceback
    key, score = ACTUALLY.get(str(example), (example.key, float(example.score)))
    assert (found.name, found.score) == (key, score)
    assert found.passed == (bool(score) if isinstance(example.score, bool) else None)
    assert bool(found.usage) == bool(server.requests)


def assert_judged(server: OpenAIServer, case: Mapping[str, Any], example: Example) -> None:
    """A model that was asked saw the conversation."""
    if server.requests and "outputs" in example.call:
        asked = json.dumps(server.requests[0]["messages"])
        last = str(case["recordings"][0]["messages"][-1]["content"])
        assert [word for word in re.findall("[A-Za-z]{4,}", last) if word not in asked] == []


def test_every_example_is_run_or_left_out_for_a_reason() -> None:
    assert {str(example) for example in EXAMPLES} >= LEFT_OUT.keys() | ACTUALLY.keys()
    assert len(RUN) >= 30
