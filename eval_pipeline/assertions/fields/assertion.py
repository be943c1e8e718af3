"""Every assertion a case may make, told apart by `type`.

On a turn, the text is the answer of that turn. On the conversation it is all answers for `contains`, `icontains`,
`not_contains` and `regex`, and the last answer for the others.
"""

from typing import Annotated

from pydantic import Discriminator

from eval_pipeline.assertions.fields.base import BaseAssertion, checked_import_path
from eval_pipeline.assertions.fields.calls import ContainsFunctionCall, FunctionCallOrder, HandoffTo, NoFunctionCall
from eval_pipeline.assertions.fields.code import Evaluator, Python
from eval_pipeline.assertions.fields.grounding import GroundedInContext, MentionGrounding, ToolResultGrounding
from eval_pipeline.assertions.fields.judged import LlmPreference, LlmRubric, LlmScore
from eval_pipeline.assertions.fields.limits import MaxCost, MaxLatency, MaxTokens, MaxTurns
from eval_pipeline.assertions.fields.text import (
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
