"""Checks of the services that runs call: LangSmith or the recorder, the Prompt Hub, chat models, workers."""

import datetime as dt
from collections.abc import Iterator

import httpx
from langchain_core.messages import HumanMessage

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.doctor.clock import check_clock
from eval_pipeline.doctor.finding import Finding, failed, ok, warning
from eval_pipeline.models.opening import chat_model
from eval_pipeline.promotion.move_tag import shown
from eval_pipeline.promotion.moves import read_moves
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.serving.loopback import is_loopback_url
from eval_pipeline.settings import Destination, LangSmithSettings
from eval_pipeline.suite.promoted_prompt import has_promotions, promoted_prompt, wants_promotions
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.suite.suite import Suite
from eval_pipeline.wording import counted
from eval_pipeline.workers.dispatch.workers import open_workers

TIMEOUT_SECONDS = 10.0
_REFUSED = (401, 403)


def check_tracing(settings: LangSmithSettings) -> Iterator[Finding]:
    """Read one experiment from each server that traces go to, with the key that runs use."""
    if not settings.destinations:
        yield warning(
            "tracing", "tracing is off", fix="unset EVAL_PIPELINE_TRACING and LANGSMITH_TRACING to trace runs"
        )
    for destination in settings.destinations:
        yield from _destination(destination)


def _destination(destination: Destination) -> Iterator[Finding]:
    url = f"{destination.api_url}/sessions"
    headers = {"x-api-key": destination.api_key.get_secret_value()}
    try:
        answer = httpx.get(
            url,
            params={"limit": 1},
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=True,
            trust_env=not is_loopback_url(url),  # no proxy
        )
    except httpx.HTTPError as error:
        fix = "check the address and the network; until then, runs write their traces to the spool"
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
    yield ok(destination.name, f"{destination.api_url} accepts the key")
    yield from check_clock(destination.api_url, answer.headers.get("date"), dt.datetime.now(tz=dt.UTC))


def check_models(suite: Suite, *, call: bool) -> Iterator[Finding]:
    """Create the chat models of the target and the judges; with `call`, also call each of them once."""
    for role, name in _models(suite):
        subject = f"model {name}"
        try:
            model = chat_model(name, folder=suite.folder)
            if call:
                model.invoke([HumanMessage("Answer with one word.")])
        except Exception as error:  # noqa: BLE001 - each provider has errors of its own
            reason = (str(error).strip().splitlines() or [""])[0][:300]
            message = f"{role} of {suite.name}: {type(error).__name__}: {reason}"
            yield failed(subject, message, fix="set the provider's key, install its package, or correct the name")
            continue
        yield ok(subject, f"{role} of {suite.name}: {'answered' if call else 'can be created (not called)'}")


def check_compute(suite: Suite, store: StoreResource, settings: LangSmithSettings) -> Iterator[Finding]:
    """Check that the workers of a suite's `compute:` exist, without starting any. Raises what their API raises.

    It requires no more permissions than a run that fans out has by `deploy/iam`.
    """
    compute = suite.spec.compute
    if not isinstance(compute, LocalCompute):
        workers = open_workers(compute, suite, store.open(), settings)
        yield ok("compute", f"{suite.name}: {workers.check()}")


def check_promotions(suite: Suite, store: StoreResource, settings: LangSmithSettings) -> Iterator[Finding]:
    """Check that the tag that promotions move names a commit. Raises what the Hub and the store raise.

    Whether the key may move the tag is unknown until a promotion does.
    """
    if not wants_promotions(suite) or not has_promotions(suite):
        return
    place = promoted_prompt(suite)
    with open_hub(settings) as hub:
        commit = hub.tags(place.name).get(place.version or "")
    if commit is None:
        fix = f"eval-pipeline prompts tag {place.name} {place.version} COMMIT"
        yield failed("promotion", f"{suite.name}: {place} names no commit", fix=fix)
        return
    moves = len(read_moves(store.open(), place))
    message = f"{suite.name}: {place} is at {shown(commit)}, {counted(moves, 'move')} on record"
    yield ok("promotion", f"{message} (permission to move it was not tested)")


def _models(suite: Suite) -> list[tuple[str, str]]:
    spec = suite.spec
    targets = [("target", name) for name in spec.target.models]
    judges = () if spec.judge is None else spec.judge.model
    return targets + [("judge", name) for name in ((judges,) if isinstance(judges, str) else judges)]
