"""The Lambda handlers of a state machine's first and last states: `prefetch` and `summarise`.

Both raise what goes wrong, by the names of `eval_pipeline/errors.py`, which the state machine retries where that can
help.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.redaction.logs import set_log_redactor
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.settings import LangSmithSettings, PipelineSettings
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.discovery import folder_of_suite
from eval_pipeline.suite.suite import read_suite
from eval_pipeline.workers.aws_lambda import use_scratch_folder
from eval_pipeline.workers.state_machine.prefetch import PrefetchRequest
from eval_pipeline.workers.state_machine.prefetch import prefetch as do_prefetch
from eval_pipeline.workers.state_machine.summarise import SummariseRequest
from eval_pipeline.workers.state_machine.summarise import summarise as do_summarise

if PipelineSettings.from_environment().aws_lambda_runtime_api:
    use_scratch_folder()
exempt_loopback_from_proxies()

_Request = TypeVar("_Request", bound=BaseModel)


def prefetch(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """Prepare the launch that the event, a `PrefetchRequest`, describes; its `input` overrides the rest.

    Raises:
        EvalPipelineError: the suite cannot be used, or the infrastructure failed.
    """
    del context
    given = {**event, **event.get("input", {})}
    request = _read(PrefetchRequest, {name: given[name] for name in PrefetchRequest.model_fields if name in given})
    suite = read_suite(folder_of_suite(request.suite))
    return do_prefetch(request, suite, _store(request.store), _settings()).model_dump(mode="json")


def summarise(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """Conclude the experiment of the event, a `SummariseRequest`.

    Raises:
        EvalPipelineError: the infrastructure failed.
    """
    del context
    request = _read(SummariseRequest, event)
    suite = read_suite(folder_of_suite(request.suite))
    return do_summarise(request, suite, _store(request.store), _settings()).model_dump(mode="json")


def _read(model: type[_Request], event: Mapping[str, Any]) -> _Request:
    try:
        return model.model_validate(dict(event))
    except ValidationError as error:
        raise InputError(
            [
                Problem(
                    message=problem["msg"],
                    fix=f"see `{model.__name__}`",
                    file="the event",
                    field=".".join(map(str, problem["loc"])) or None,
                )
                for problem in error.errors(include_input=False, include_url=False)
            ]
        ) from error


def _store(uri: str | None) -> Store:
    root = uri or PipelineSettings.from_environment().store
    if not root:
        fix = "set EVAL_PIPELINE_STORE to s3://bucket/prefix"
        raise InputError(Problem(message="no store is named", fix=fix, field="store"))
    return open_store(root)


def _settings() -> LangSmithSettings:
    settings = LangSmithSettings.from_environment()
    set_log_redactor(Redactor.of(settings))
    return settings
