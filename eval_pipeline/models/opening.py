"""Opens chat and embedding models by name: `provider:model` of LangChain, or an import path to your own."""

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from eval_pipeline.errors import CredentialsError, InputError, PermanentError, Problem
from eval_pipeline.models.calls.governor import CalledModel
from eval_pipeline.models.calls.managed import managed
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.code.version import model_version
from eval_pipeline.suite.import_path import is_code_path, resolve

ADDRESS_FIELDS = ("openai_api_base", "anthropic_api_url", "base_url", "endpoint", "azure_endpoint", "region_name")
"""Fields in which chat models of the providers hold their address."""
KEY_FIELDS = ("openai_api_key", "anthropic_api_key", "google_api_key", "api_key")
"""Fields in which they hold their key."""


def chat_model(name: str, *, folder: Path, **parameters: Any) -> BaseChatModel:
    """The chat model called `name`; its failed calls are retried, and it keeps to a run's limits.

    Args:
        name: `provider:model`, or an import path to a `BaseChatModel` or to a callable that makes one.
        folder: the suite's folder, for `file.py:attribute` paths.
        parameters: passed to the model's constructor.

    Raises:
        InputError: there is no such provider or attribute.
        CredentialsError: the provider requires a key that is not set.
        PermanentError: the provider's package is not installed.
    """
    if is_code_path(name):
        resolved = resolve(name, folder=folder)
        model = resolved if isinstance(resolved, BaseChatModel) else resolved(**parameters)
        if not isinstance(model, BaseChatModel):
            raise InputError(
                Problem(message=f"{name!r} is a {type(model).__name__}, not a LangChain chat model", fix="name one")
            )
        return managed(model, _called(name, _version_of(resolved, name, folder), model))
    with _ProviderErrors(name):
        # The SDK's own retries would be invisible to the limits, and multiply ours.
        opened = init_chat_model(name, **{"max_retries": 0, **parameters})
    assert isinstance(opened, BaseChatModel)
    return managed(opened, _called(name, name, opened))


_versions: WeakKeyDictionary[Any, dict[tuple[str, Path], str]] = WeakKeyDictionary()
"""Of what import paths lead to. An edit is a new object: agents that make their model for each attempt read the source
once."""


def _version_of(resolved: Any, name: str, folder: Path) -> str:
    try:
        versions = _versions.setdefault(resolved, {})
    except TypeError:  # a model itself, which has no hash
        return model_version(name, folder=folder)
    if (name, folder) not in versions:
        versions[name, folder] = model_version(name, folder=folder)
    return versions[name, folder]


def _called(name: str, version: str, model: BaseChatModel) -> CalledModel:
    address = next((str(value) for field in ADDRESS_FIELDS if (value := getattr(model, field, None))), "")
    key = next((value for field in KEY_FIELDS if (value := getattr(model, field, None))), None)
    return CalledModel(
        name=name,
        version=version,
        endpoint=f"{type(model).__name__} {address}".strip(),
        account="" if key is None else digest(_secret(key)),
    )


def _secret(key: Any) -> str:
    return str(key.get_secret_value() if hasattr(key, "get_secret_value") else key)


def embeddings_model(name: str, *, folder: Path) -> Embeddings:
    """The embeddings model called `name`; raises as `chat_model` does."""
    if is_code_path(name):
        resolved = resolve(name, folder=folder)
        model = resolved if isinstance(resolved, Embeddings) else resolved()
        if not isinstance(model, Embeddings):
            raise InputError(
                Problem(message=f"{name!r} is a {type(model).__name__}, not LangChain Embeddings", fix="name one")
            )
        return model
    with _ProviderErrors(name):
        opened = init_embeddings(name)
    assert isinstance(opened, Embeddings)
    return opened


class _ProviderErrors:
    """Turns what LangChain raises when it opens a model into errors of this package."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ImportError):
            raise PermanentError(f"model {self.name!r}: {error}", fix="install the provider's package") from error
        if isinstance(error, ValueError) and "provider" in str(error).lower():
            reason = str(error).splitlines()[0]
            raise InputError(
                Problem(message=f"model {self.name!r}: {reason}", fix="write `provider:model`, such as `openai:gpt-4o`")
            ) from error
        if error is not None and "api_key" in str(error).lower():
            reason = str(error).splitlines()[0]
            raise CredentialsError(
                f"model {self.name!r}: {reason}", fix="set the provider's key in the environment"
            ) from error
