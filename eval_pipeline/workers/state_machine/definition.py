"""The state machine of AWS Step Functions for a suite: prefetch → distributed map over tasks → summarise.

    Begun?       an execution that a run begins has an experiment; any other one gets it from Prefetch
    Evaluate     a worker for each task, or for each batch of tasks; its tolerance changes no result
    Summarise    the verdict, whatever became of the map; left to the run where there is one

Only references travel: where the tasks are, and the headers of the trace, which every worker gets. Source of the
form: the Amazon States Language, https://states-language.net.
"""

from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.compute import StepFunctionsCompute
from eval_pipeline.suite.suite import Suite

_INVOKE = "arn:aws:states:::lambda:invoke"
_CROWDED = ["Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException"]
_PASSING = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "TransientError",
]
"""What another try can help; `TransientError` is ours, and raised by workers only if a task says so."""
_SLOWER = {"IntervalSeconds": 2, "BackoffRate": 2.0}
_MOST_BATCH_BYTES = 200_000


def state_machine_definition(suite: Suite, *, store: str | None = None) -> dict[str, Any]:
    """The definition, as JSON data.

    Args:
        suite: says under `compute:` which functions, how many at once, and what is tolerated.
        store: the URI of the store; by default what functions have in `EVAL_PIPELINE_STORE`.

    Raises:
        InputError: its `compute:` is not `step_functions`.
    """
    compute = suite.spec.compute
    if not isinstance(compute, StepFunctionsCompute):
        fix = "write `compute: {kind: step_functions, function: …}`"
        message = f"there is no state machine for compute {compute.kind!r}"
        raise InputError(Problem(message=message, fix=fix, file=suite.folder / "suite.yaml", field="compute"))
    stored = {} if store is None else {"store": store}
    prefetch, summarise = (
        given or f"{compute.function}-{name}"
        for name, given in (("prefetch", compute.prefetch_function), ("summarise", compute.summarise_function))
    )
    return {
        "Comment": f"Evaluates the suite {suite.name}; made by `eval-pipeline stepfunctions`",
        "StartAt": "Begun?",
        "States": {
            "Begun?": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.prefetched", "IsPresent": True, "Next": "Evaluate"}],
                "Default": "Prefetch",
            },
            "Prefetch": {
                **_call(compute),
                "Parameters": {
                    "FunctionName": prefetch,
                    "Payload": {
                        "suite": suite.name,
                        "launch.$": "$$.Execution.Id",
                        "cases_per_task": compute.cases_per_task,
                        "input.$": "$$.Execution.Input",
                        **stored,
                    },
                },
                "ResultSelector": {"prefetched.$": "$.Payload"},
                "Next": "Evaluate",
            },
            "Evaluate": _map(compute),
            "Of a run?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.summarise", "IsPresent": True},
                            {"Variable": "$.summarise", "BooleanEquals": False},
                        ],
                        "Next": "Done",
                    }
                ],
                "Default": "Summarise",
            },
            "Summarise": {
                **_call(compute),
                "Parameters": {
                    "FunctionName": summarise,
                    "Payload": {
                        "suite.$": "$.prefetched.suite",
                        "experiment.$": "$.prefetched.experiment",
                        **stored,
                    },
                },
                "OutputPath": "$.Payload",
                "End": True,
            },
            "Done": {"Type": "Succeed"},
        },
    }


def _map(compute: StepFunctionsCompute) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Label": "Evaluate",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.prefetched.items.bucket", "Key.$": "$.prefetched.items.key"},
        },
        **_items(compute),
        "MaxConcurrency": compute.max_parallel,
        # With a fraction, because one interpreter takes no whole number here.
        "ToleratedFailurePercentage": float(compute.tolerated_failure_percentage),
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work",
            "States": {
                "Work": {
                    **_call(compute),
                    "Parameters": {"FunctionName": compute.function, "Payload.$": "$"},
                    "OutputPath": "$.Payload",
                    "End": True,
                }
            },
        },
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.broken", "Next": "Of a run?"}],
        "Next": "Of a run?",
    }


def _items(compute: StepFunctionsCompute) -> dict[str, Any]:
    headers = {"headers.$": "$.prefetched.headers"}
    if compute.tasks_per_batch == 1:
        return {"ItemSelector": {"task.$": "$$.Map.Item.Value", **headers}}
    return {
        "ItemBatcher": {
            "MaxItemsPerBatch": compute.tasks_per_batch,
            "MaxInputBytesPerBatch": _MOST_BATCH_BYTES,
            "BatchInput": headers,
        }
    }


def _call(compute: StepFunctionsCompute) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": _INVOKE,
        "TimeoutSeconds": int(compute.timeout_s) + 60,
        "Retry": [
            {**_SLOWER, "ErrorEquals": _CROWDED, "MaxAttempts": 10, "MaxDelaySeconds": 60},
            {**_SLOWER, "ErrorEquals": _PASSING, "MaxAttempts": compute.tries},
        ],
    }
