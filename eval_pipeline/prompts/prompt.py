"""A prompt: a chat template with variables, and where it came from."""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.load import dumps, load
from langchain_core.messages import BaseMessage
from langchain_core.prompts import (
    BasePromptTemplate,
    ChatPromptTemplate,
    MessagesPlaceholder,
    StringPromptTemplate,
    SystemMessagePromptTemplate,
)

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.spec.prompt_reference import PromptReference

Manifest = Mapping[str, Any]
"""LangChain's serialized form of a template, which is what a commit in the Hub holds."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One version of a prompt."""

    reference: PromptReference
    template: ChatPromptTemplate
    commit: str
    """The Hub's commit hash; for a file, a digest of its text."""

    @property
    def variables(self) -> frozenset[str]:
        """The variables that need a value."""
        return frozenset(self.template.input_variables)

    @property
    def manifest(self) -> Manifest:
        """Its serialized form."""
        manifest: dict[str, Any] = json.loads(dumps(self.template))
        return manifest

    def messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        """Its messages, filled with `values`; values that it does not use are ignored.

        Raises:
            InputError: a variable is missing.
        """
        missing = sorted(self.variables - set(values))
        if missing:
            which = "it" if len(missing) == 1 else "them"
            fix = f"give {which} in `target.variables`, or in the case's `runtime.test_data`"
            message = f"the prompt {self.reference} needs {', '.join(missing)}"
            raise InputError(Problem(message=message, fix=fix, field="target.prompt"))
        return self.template.format_messages(**{name: values[name] for name in self.variables})

    def parts(self) -> list[tuple[str, str]]:
        """Role and text of each message, with variables as `{{name}}`, whatever the template's syntax."""
        named = {name: f"{{{{{name}}}}}" for name in self.template.input_variables}
        parts: list[tuple[str, str]] = []
        for part in self.template.messages:
            if isinstance(part, MessagesPlaceholder):
                parts.append(("placeholder", f"{{{{{part.variable_name}}}}}"))
                continue
            messages = [part] if isinstance(part, BaseMessage) else part.format_messages(**named)
            parts += [(message.type, message.text) for message in messages]
        return parts

    def require(self, variables: Iterable[str]) -> None:
        """Check that it still uses `variables`.

        Raises:
            InputError: it does not use one of them, whose value would be lost silently.
        """
        lost = sorted(set(variables) - self.variables)
        if lost:
            message = f"the prompt {self.reference} at {self.commit[:12]} lost the variables {', '.join(lost)}"
            fix = "put them back into the prompt, or drop them from `target.variables`"
            raise InputError(Problem(message=message, fix=fix, field="target.prompt"))


def prompt_of_manifest(manifest: Manifest, *, reference: PromptReference, commit: str) -> Prompt:
    """The prompt that a commit's manifest describes.

    Only LangChain's core classes are loaded, and no secret is read from the environment: the Hub holds configuration
    that other people can write.

    Raises:
        InputError: it is not a template of text or messages.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangChain calls `load` beta; the SDK uses it all the same
        loaded = load(dict(manifest), secrets_from_env=False, allowed_objects="core")
    first = getattr(loaded, "first", loaded)
    if isinstance(first, ChatPromptTemplate):
        return Prompt(reference=reference, template=first, commit=commit)
    if isinstance(first, BasePromptTemplate) and isinstance(first, StringPromptTemplate):
        template = ChatPromptTemplate.from_messages([SystemMessagePromptTemplate(prompt=first)])
        return Prompt(reference=reference, template=template, commit=commit)
    fix = "commit a chat prompt or a text prompt"
    raise InputError(Problem(message=f"{reference} is a {type(first).__name__}", fix=fix, field="target.prompt"))


def prompt_of_file(file: Path, *, reference: PromptReference) -> Prompt:
    """The prompt in a text file: one system message, with `{{variables}}` (mustache).

    Raises:
        InputError: the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fix = "make it a readable UTF-8 file, or correct the path"
        problem = Problem(message=f"cannot be read: {error}", fix=fix, file=file, field="target.prompt")
        raise InputError(problem) from error
    message = SystemMessagePromptTemplate.from_template(text, template_format="mustache")
    return Prompt(reference=reference, template=ChatPromptTemplate.from_messages([message]), commit=digest(text))
