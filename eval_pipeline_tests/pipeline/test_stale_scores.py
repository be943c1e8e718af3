"""After each kind of change to 200 cases, the target is called for none, and judges for exactly what is stale."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline_tests.pipeline.test_reused_answers import Experiments
from eval_pipeline_tests.suite.code.test_suite_modules import write

CASES = 200
JUDGE = """
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from logged import log

class Scripted(BaseChatModel):
    @property
    def _llm_type(self):
        return "scripted"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=AIMessage(""))])

    def with_structured_output(self, schema, **kwargs):
        def decide(messages):
            log("judge")
            filled = schema(reasoning="r", passed=True)
            return filled
        return RunnableLambda(decide)

model = Scripted()
"""


def rubric(name: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "llm_rubric", "name": name, "value": text, **fields}


TONE, FACTS = rubric("tone", "It is kind."), rubric("facts", "It is true.")
SHORT = {"type": "contains", "value": "C", "name": "short"}


@pytest.fixture
def experiments(folder: Path) -> Experiments:
    write(folder, {"judge.py": JUDGE, "other.py": JUDGE})
    experiments = Experiments(folder)
    experiments.suite |= {"judge": {"model": "judge.py:model"}, "assertions": [TONE, SHORT]}
    experiments.cases = [{"id": f"c{number:03}", "input": f"c{number}", "tags": ["a"]} for number in range(CASES)]
    return experiments


async def test_a_change_costs_the_judgements_that_are_stale_and_no_call_of_the_target(experiments: Experiments) -> None:
    async def calls() -> Counter[str]:
        _, made = await experiments.next()
        return made

    assert await calls() == {"target": CASES, "judge": CASES}
    assert await calls() == {}  # nothing changed
    experiments.suite["assertions"] = [TONE, FACTS, SHORT]  # a new rubric
    assert await calls() == {"judge": CASES}
    experiments.suite["assertions"] = [TONE, {**FACTS, "value": "It is all true."}, SHORT]  # an edited one
    assert await calls() == {"judge": CASES}
    experiments.suite["assertions"] = [TONE, {**FACTS, "value": "It is all true."}]  # a removed assertion
    assert await calls() == {}
    experiments.suite["assertions"] = [{**TONE, "weight": 3}, {**FACTS, "value": "It is all true."}]  # a weight
    assert await calls() == {}
    experiments.cases[7] = {**experiments.cases[7], "tags": ["b"]}  # a tag
    assert await calls() == {}
    experiments.suite["judge"] = {"model": "judge.py:model", "evidence": ["calls"]}  # other evidence
    assert await calls() == {"judge": 2 * CASES}
    experiments.suite["judge"] = {"model": "other.py:model", "evidence": ["calls"]}  # another model
    assert await calls() == {"judge": 2 * CASES}
    experiments.cases[9] = {**experiments.cases[9], "input": "c other"}  # one case
    assert await calls() == {"target": 1, "judge": 2}
