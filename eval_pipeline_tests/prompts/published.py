"""Prompts in a recorder's hub, in one call."""

from typing import Any

from langchain_core.prompts import ChatPromptTemplate
from langsmith import Client
from typing_extensions import override

from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.prompt import Prompt
from eval_pipeline.suite.spec.prompt_reference import PromptReference


def hub_at(url: str) -> PromptHub:
    """The hub of the recorder at `url`, through the real SDK."""
    return PromptHub(Client(api_url=url, api_key="key", info={}, timeout_ms=(2_000, 10_000)))


class OvertakenClient(Client):
    """Moves the tag to `commit`, as another process would, right after this client has moved it."""

    commit: str | None = None

    @override
    def request_with_retries(self, method: Any, pathname: str, **options: Any) -> Any:
        answer = super().request_with_retries(method, pathname, **options)
        if method == "PATCH" and self.commit is not None:
            commit, self.commit = self.commit, None
            hub_at(self.api_url).tag("support", "production", commit)
        return answer


def overtaken_hub(url: str, *, commit: str) -> PromptHub:
    """As `hub_at`; after its first move of a tag another process moves the tag to `commit`."""
    client = OvertakenClient(api_url=url, api_key="key", info={})
    client.commit = commit
    return PromptHub(client)


def publish(url: str, text: str, *, name: str = "support", tag: str | None = "production") -> str:
    """Commit a prompt of one system message, with `{{variables}}`, and tag it. Returns the commit's hash."""
    reference = PromptReference(place="hub", name=name, version="latest")
    template = ChatPromptTemplate.from_messages([("system", text)], template_format="mustache")
    hub = hub_at(url)
    commit = hub.push(Prompt(reference=reference, template=template, commit=""))
    if tag is not None:
        hub.tag(name, tag, commit)
    return commit
