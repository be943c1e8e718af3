"""LangSmith's Prompt Hub, through the SDK: pulls, pushes and tags prompts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from langsmith import Client
from langsmith.utils import LangSmithConflictError, LangSmithError, LangSmithNotFoundError
from requests.exceptions import RequestException

from eval_pipeline.errors import CredentialsError, InputError, PermanentError, Problem, TransientError
from eval_pipeline.langsmith.errors import server_error
from eval_pipeline.prompts.disk_cache import PromptCache
from eval_pipeline.prompts.prompt import Prompt, prompt_of_manifest
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference


class PromptMovedError(PermanentError):
    """Another user or process changed the prompt, or moved the tag, since it was read."""


class PromptMovedOnError(PromptMovedError):
    """The tag was moved here, and moved again by another process before that could be verified."""


@dataclass(frozen=True, kw_only=True)
class ExpectedCommit:
    """The commit that a tag is expected to name; None: the tag is expected not to exist."""

    commit: str | None


class PromptHub:
    """The prompts of one workspace.

    Every method raises InputError if there is no such prompt, tag or commit, CredentialsError if the key is refused,
    and TransientError if the Hub cannot be reached, besides the errors that it names itself.
    """

    def __init__(self, client: Client, *, cache: PromptCache | None = None) -> None:
        """Use `client`. When a tag of a prompt is moved here, `cache` drops its tags."""
        self._client, self._cache = client, cache

    def pull(self, reference: PromptReference) -> Prompt:
        """The prompt as it is now. Raises InputError also if it is no template."""
        with self._errors_of(reference):
            # Our cache is shared by all workers and knows the age of its entries; the SDK's does neither.
            pulled = self._client.pull_prompt_commit(reference.identifier, skip_cache=True)
        return prompt_of_manifest(pulled.manifest, reference=reference, commit=pulled.commit_hash)

    def push(self, prompt: Prompt, *, parent: str | None = None, description: str | None = None) -> str:
        """Publish a prompt as a new commit, and create the prompt if there is none. Returns the newest commit's hash.

        Nothing is added if the newest commit is the same.

        Args:
            prompt: it is published under its reference's name.
            parent: the hash that must be the newest, so that no commit is overwritten unseen.
            description: of the commit.

        Raises:
            PromptMovedError: another process committed meanwhile.
        """
        name, newest_reference = prompt.reference.name, prompt.reference.at(LATEST)
        with self._errors_of(newest_reference):
            if self._client.get_prompt(name) is None:
                self._client.create_prompt(name)
            newest = next(self._client.list_prompt_commits(name, limit=1), None)
            before = None if newest is None else newest.commit_hash
            if before is not None and self.pull(newest_reference.at(before)).manifest == prompt.manifest:
                return before
            if parent is not None and parent != before:
                raise _moved(newest_reference)
            try:
                self._client.create_commit(name, prompt.template, parent_commit_hash=before, description=description)
            except LangSmithConflictError as error:
                raise _moved(newest_reference) from error
            return self.pull(newest_reference).commit

    def names(self) -> list[str]:
        """The names of all prompts."""
        names: list[str] = []
        with self._errors_of(PromptReference(place="hub", name="", version=LATEST)):
            while True:
                page = self._client.list_prompts(offset=len(names))
                names += [repo.repo_handle for repo in page.repos]
                if not page.repos or len(names) >= page.total:
                    return sorted(names)

    def commits(self, name: str, *, most: int | None = None) -> list[str]:
        """The hashes of a prompt's commits, the newest first; all, or at most `most`."""
        with self._errors_of(PromptReference(place="hub", name=name, version=LATEST)):
            listed = self._client.list_prompt_commits(name, limit=most)
            return [commit.commit_hash for commit in listed if commit.commit_hash is not None]

    def tags(self, name: str) -> dict[str, str]:
        """The hashes of commits by tag."""
        with self._errors_of(PromptReference(place="hub", name=name, version=LATEST)):
            tags = self._client.request_with_retries("GET", f"/repos/-/{name}/tags").json()
        return {tag["tag_name"]: tag["commit_hash"] for tag in tags}

    def tag(self, name: str, tag: str, commit: str, *, expected: ExpectedCommit | None = None) -> None:
        """Create a tag at a commit, or move it there.

        Args:
            name: the prompt.
            tag: such as `production`.
            commit: the hash that it will name.
            expected: what it must name until now. The Hub has no conditional request, so the tag is read, moved, and
                read again: of two processes the second sees the first's move, unless both read before either moved.
                Then both succeed, the later move counts, and the earlier process may not notice. Processes that share
                a store use `eval_pipeline.promotion`, which prevents that.

        Raises:
            PromptMovedError: it names another commit, and was not moved.
            PromptMovedOnError: it was moved, and names another commit by now.
        """
        reference = PromptReference(place="hub", name=name, version=tag)
        present = self.tags(name).get(tag)
        if expected is not None and present != expected.commit:
            raise _moved(reference)
        with self._errors_of(reference):
            listed = self._client.list_prompt_commits(name)
            target = next((each for each in listed if (each.commit_hash or "").startswith(commit)), None)
            if target is None:
                raise LangSmithNotFoundError(f"no commit {commit}")
            if present is None:
                body = {"tag_name": tag, "commit_id": str(target.id)}
                self._client.request_with_retries("POST", f"/repos/-/{name}/tags", json=body)
            else:
                body = {"commit_id": str(target.id)}
                self._client.request_with_retries("PATCH", f"/repos/-/{name}/tags/{tag}", json=body)
        if self._cache is not None:
            self._cache.forget(name)
        if expected is not None and self.tags(name).get(tag) != target.commit_hash:
            raise _moved(reference, PromptMovedOnError)

    @contextmanager
    def _errors_of(self, reference: PromptReference) -> Iterator[None]:
        try:
            yield
        except LangSmithNotFoundError as error:
            fix = "correct its name, tag or commit, or push it first (`eval-pipeline prompts push`)"
            message = f"there is no prompt {reference}"
            raise InputError(Problem(message=message, fix=fix, field="target.prompt")) from error
        except (LangSmithError, RequestException) as error:
            if isinstance(refused := server_error(error, f"{reference} cannot be fetched"), CredentialsError):
                raise refused from error
            # Whatever else went wrong, prompts are taken from the cache or a file meanwhile.
            reason = str(error).splitlines()[0][:300]
            message = f"{reference} cannot be fetched from {self._client.api_url}: {reason}"
            raise TransientError(message, fix="try again when LangSmith answers") from error


def _moved(reference: PromptReference, kind: type[PromptMovedError] = PromptMovedError) -> PromptMovedError:
    return kind(f"another user or process changed {reference}", fix="look at the change, and decide_promotion again")
