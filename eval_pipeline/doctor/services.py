"""Checks of the services that runs call: LangSmith or the recorder, chat models, and the workers of `compute:`."""

import datetime as dt
from collections.abc import Iterator

import httpx
from langchain_core.messages import HumanMessage

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.doctor.clock import check_clock
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.models.opening import chat_model
from eval_pipeline.settings import Destination, LangSmithSettings
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.suite.suite import Suite
from eval_pipeline.workers.dispatch.workers import open_workers

TIMEOUT_SECONDS = 10.0
_REFUSED = (401, 403)


def check_tracing(settings: LangSmithSettings) -> Iterator[Finding]:
    """Ask each server that traces go to for one experiment, with the key that runs use."""
    if not settings.destinations:
        yield warning(
            "tracing", "tracing is off", fix="unset EVAL_PIPELINE_TRACING and LANGSMITH_TRACING to have traces"
        )
    for destination in settings.destinations:
        yield from _destination(destination)


def _destination(destination: Destination) -> Iterator[Finding]:
    url = f"{destination.api_url}/sessions"
    headers = {"x-api-key": destination.api_key.get_secret_value()}
    try:
        answer = httpx.get(url, params={"limit": 1}, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True)
    except httpx.HTTPError as error:
        fix = "check the address and the network; until then runs spool their traces"
        yield warning(destination.name, f"{destination.api_url} does not answer: {type(error).__name__}", fix=fix)
        return
    if answer.status_code in _REFUSED:
        message = f"{destination.api_url} refused the key ({answer.status_code})"
        yield failed(
            destination.name, message, fix="set LANGSMITH_API_KEY, and LANGSMITH_WORKSPACE_ID for an organization's key"
        )
        return
    if answer.is_error:
        message = f"{destination.api_url} answered {answer.status_code}: is it a LangSmith API?"
        yield failed(destination.name, message, fix="set LANGSMITH_ENDPOINT to the address of the API")
        return
    yield ok(destination.name, f"{destination.api_url} takes the key")
    yield from check_clock(destination.api_url, answer.headers.get("date"), dt.datetime.now(tz=dt.UTC))


def check_models(suite: Suite, *, call: bool) -> Iterator[Finding]:
    """Make every chat model that a target or judge names; with `call`, ask each for a word, for a few tokens."""
    for role, name in _models(suite):
        subject = f"model {name}"
        try:
            model = chat_model(name, folder=suite.folder)
            if call:
                model.invoke([HumanMessage("Answer with one word.")])
        except Exception as error:  # noqa: BLE001 - a kind for each provider
            reason = (str(error).strip().splitlines() or [""])[0][:300]
            message = f"{role} of {suite.name}: {type(error).__name__}: {reason}"
            yield failed(subject, message, fix="set the provider's key, install its package, or correct the name")
            continue
        yield ok(subject, f"{role} of {suite.name}: {'answered' if call else 'can be made (not called)'}")


def check_compute(suite: Suite, store: StoreResource, settings: LangSmithSettings) -> Iterator[Finding]:
    """Ask the workers that a suite's `compute:` names, without having them do anything. Raises what they raise.

    It takes no more than what `deploy/iam` allows a run that fans out.
    """
    compute = suite.spec.compute
    if not isinstance(compute, LocalCompute):
        workers = open_workers(compute, suite, store.open(), settings)
        yield ok("compute", f"{suite.name}: {workers.asked()}")


def _models(suite: Suite) -> list[tuple[str, str]]:
    spec = suite.spec
    found = [("target", name) for name in spec.target.models]
    judges = () if spec.judge is None else spec.judge.model
    return found + [("judge", name) for name in ((judges,) if isinstance(judges, str) else judges)]
