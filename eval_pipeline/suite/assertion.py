"""Every assertion a case may make, told apart by `type`.

On a turn, the text is the answer of that turn. On the conversation it is all answers for `contains`, `icontains`,
`not_contains` and `regex`, and the last answer for the others. Belongs here: the union of them. Does not belong here:
fields (`eval_pipeline.suite.assertions`), and carrying them out (`eval_pipeline.evaluation.assertions`, one function
per `type`; a test holds that the two lists agree).
"""

from typing import Annotated

from pydantic import Discriminator

from eval_pipeline.suite.assertions.base import BaseAssertion, checked_import_path
from eval_pipeline.suite.assertions.calls import ContainsFunctionCall, FunctionCallOrder, HandoffTo, NoFunctionCall
from eval_pipeline.suite.assertions.code import Evaluator, Python
from eval_pipeline.suite.assertions.grounding import GroundedInContext, MentionGrounding, ToolResultGrounding
from eval_pipeline.suite.assertions.judged import LlmPreference, LlmRubric, LlmScore
from eval_pipeline.suite.assertions.limits import MaxCost, MaxLatency, MaxTokens, MaxTurns
from eval_pipeline.suite.assertions.text import (
    Contains,
    Equals,
    IContains,
    IsJson,
    JsonPath,
    JsonSchema,
    NotContains,
    Numeric,
    OneOf,
    Regex,
    Similarity,
    StartsWith,
)

Assertion = Annotated[
    Contains
    | IContains
    | NotContains
    | Equals
    | StartsWith
    | Regex
    | OneOf
    | IsJson
    | JsonSchema
    | JsonPath
    | Numeric
    | Similarity
    | ContainsFunctionCall
    | NoFunctionCall
    | FunctionCallOrder
    | HandoffTo
    | MaxLatency
    | MaxTokens
    | MaxCost
    | MaxTurns
    | LlmRubric
    | LlmScore
    | LlmPreference
    | GroundedInContext
    | Python
    | Evaluator,
    Discriminator("type"),
]

__all__ = [
    "Assertion",
    "BaseAssertion",
    "Contains",
    "ContainsFunctionCall",
    "Equals",
    "Evaluator",
    "FunctionCallOrder",
    "GroundedInContext",
    "HandoffTo",
    "IContains",
    "IsJson",
    "JsonPath",
    "JsonSchema",
    "LlmPreference",
    "LlmRubric",
    "LlmScore",
    "MaxCost",
    "MaxLatency",
    "MaxTokens",
    "MaxTurns",
    "MentionGrounding",
    "NoFunctionCall",
    "NotContains",
    "Numeric",
    "OneOf",
    "Python",
    "Regex",
    "Similarity",
    "StartsWith",
    "ToolResultGrounding",
    "checked_import_path",
]
