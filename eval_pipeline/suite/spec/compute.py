"""Where the cases of a run are evaluated, as written under `compute:` in `suite.yaml`; one model per `kind`.

`local`, the default, is the process of the run. All others divide the run's cases into tasks for workers
(`eval_pipeline.workers`), which write results to the store. A kind without fields may be written as text.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field

from eval_pipeline.suite.documents.document import Document


class LocalCompute(Document):
    """In the process of the run."""

    kind: Literal["local"] = "local"


class FanOutCompute(Document):
    """Fields of every fan-out. `evaluation.max_concurrency` applies to each worker, all other limits to the run."""

    cases_per_task: int = Field(default=25, ge=1, le=1_000)
    """The cases of one task."""
    max_parallel: int = Field(default=10, ge=1, le=10_000)
    """The most tasks at work at once. Rates and budgets of `evaluation:` are divided among them."""
    tries: int = Field(default=3, ge=1)
    """How often a task is tried without progress before the run fails."""
    poll_s: float = Field(default=5.0, gt=0)
    """Seconds between checks for finished results of tasks in progress."""


class SubprocessCompute(FanOutCompute):
    """Worker processes on this machine, for agents that need the CPU."""

    kind: Literal["subprocess"]
    max_parallel: int = Field(default=2, ge=1, le=256)
    """The most processes at once."""
    poll_s: float = Field(default=1.0, gt=0)
    """Seconds between checks for finished results."""


class LambdaCompute(FanOutCompute):
    """An AWS Lambda function whose handler is `eval_pipeline.workers.aws_lambda.handler`.

    Region, endpoint and credentials are those of every AWS client (`AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_LAMBDA`, …).
    """

    kind: Literal["lambda"]
    function: str = Field(min_length=1)
    """Its name or ARN."""
    qualifier: str | None = None
    """A version or an alias."""
    timeout_s: float = Field(default=900.0, gt=0, le=900)
    """The time limit of the function; a worker stops before it."""


class EcsCompute(FanOutCompute):
    """Tasks of Amazon ECS that run the command `eval-pipeline-worker`."""

    kind: Literal["ecs"]
    cluster: str = Field(min_length=1)
    """The name or ARN of the cluster."""
    task_definition: str = Field(min_length=1)
    """The family, `family:revision` or ARN of the task definition."""
    container: str = "worker"
    """The container of the task definition that runs the worker."""
    launch_type: Literal["FARGATE", "EC2"] = "FARGATE"
    """What the tasks run on."""
    subnets: tuple[str, ...] = ()
    """The subnets of the tasks; needed where the network mode is `awsvpc`."""
    security_groups: tuple[str, ...] = ()
    """The security groups of the tasks; by default the default group of the VPC."""
    assign_public_ip: bool = False
    """Whether tasks have public addresses, without which those in public subnets reach nothing outside."""
    cases_per_task: int = Field(default=200, ge=1, le=1_000)
    """The cases of one task."""


class StepFunctionsCompute(FanOutCompute):
    """A state machine from `eval-pipeline stepfunctions`, whose workers are Lambda functions."""

    kind: Literal["step_functions"]
    state_machine: str | None = None
    """Its ARN; not needed to write its definition."""
    function: str = Field(min_length=1)
    """The Lambda function of the worker, by name or ARN."""
    prefetch_function: str | None = None
    """The function that runs `workers.state_machine.aws_lambda.prefetch`; default: `<function>-prefetch`."""
    summarise_function: str | None = None
    """The function that runs `workers.state_machine.aws_lambda.summarise`; default: `<function>-summarise`."""
    tasks_per_batch: int = Field(default=1, ge=1, le=100)
    """The tasks of one call of the function; above 1 the map has an `ItemBatcher`."""
    tolerated_failure_percentage: float = Field(default=100.0, ge=0, le=100)
    """The share of workers that may fail, which cases cannot cause; the summary reports missing results."""
    timeout_s: float = Field(default=900.0, gt=0, le=900)
    """The time limit of the function; a worker stops before it."""


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


AnyFanOut = SubprocessCompute | LambdaCompute | EcsCompute | StepFunctionsCompute
Compute = Annotated[
    Annotated[LocalCompute | AnyFanOut, Discriminator("kind")],
    BeforeValidator(_named),
]
