"""Every input that reaches a target is byte-equal to the dataset's: values, content blocks, messages, order of keys."""

import asyncio
import json
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st
from langsmith.schemas import Example

from eval_pipeline.content.inputs import input_messages
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset, cases_of_table
from eval_pipeline.suite.dataset.example_form import example_fields
from eval_pipeline.suite.loaders.langsmith_dataset import case_data
from eval_pipeline.suite.spec.case_source import LangSmithDataset
from eval_pipeline.targets.python import PythonSession

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
urls = st.sampled_from(["data:image/png;base64,iVBORw0KGgo=", "https://example.org/a.png"])
blocks = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts})
    | st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": urls})})
    | st.fixed_dictionaries({"type": st.just("file"), "file": st.dictionaries(texts, values, max_size=2)}),
    min_size=1,
    max_size=3,
)
roles = st.sampled_from(["system", "user", "assistant"])
messages = st.fixed_dictionaries({"role": roles, "content": texts | blocks}, optional={"id": texts, "name": texts})
inputs = (
    st.dictionaries(texts, values, max_size=4)
    | st.fixed_dictionaries({"messages": st.lists(messages, min_size=1, max_size=4)}, optional={"lang": values})
    | st.fixed_dictionaries({"question": texts | blocks}, optional={"context": values})
)
NOTHING_IS_REDACTED = Redactor(enabled=False)


def received(case: Case) -> tuple[Any, Any, Any]:
    """What a target gets of the first turn: the input, the history before it, and the inputs as a whole."""
    got: list[tuple[Any, Any, Any]] = []

    async def target(input: Any, history: Any, inputs: Any) -> str:  # noqa: A002 - the name that is offered
        got.append((input, history, inputs))
        return ""

    async def attempt() -> None:
        session = PythonSession(target, case=case, thread_id="t")
        await session.send(case.turns[0].input)
        await session.close()

    asyncio.run(attempt())
    return got[0]


def as_loaded(written: dict[str, Any]) -> Case:
    """The case of a LangSmith example with these inputs."""
    example_ = Example(id=UUID(int=1), inputs=json.loads(json.dumps(written)), outputs={}, metadata={})
    return Case.model_validate(case_data(example_, LangSmithDataset(langsmith_dataset="any")))


@given(written=inputs)
@settings(max_examples=150, deadline=None)
@example(written={"z": 1, "a": {"y": 2**70, "b": [1e300, -0.0]}})
@example(written={"messages": [{"role": "assistant", "content": "hi"}]})
@example(written={"": None})
def test_what_a_dataset_has_reaches_the_target_unchanged(written: dict[str, Any]) -> None:
    loaded = as_loaded(written)
    (stored,) = cases_of_table(Dataset.of([loaded], redactor=NOTHING_IS_REDACTED).to_table()).values()
    assert stored is not None
    copied = json.loads(json.dumps(example_fields(loaded)))
    copied["metadata"] |= {"sync_hash": "h"}
    copied.pop("split")
    again = Case.model_validate(case_data(Example(id=UUID(int=2), **copied), LangSmithDataset(langsmith_dataset="any")))
    for case in (loaded, stored, again):
        given_input, history, whole = received(case)
        assert json.dumps(whole) == json.dumps(written)
        if written.keys() == {"messages"}:
            spoken = [*history, *input_messages(given_input)]
            assert json.dumps([each["content"] for each in spoken]) == json.dumps(
                [each["content"] for each in written["messages"]]
            )
