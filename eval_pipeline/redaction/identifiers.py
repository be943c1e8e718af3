"""Identifiers, which are not redacted: two cases whose ids look like keys would become one."""

import binascii
import re
from collections.abc import Mapping
from typing import Any

IDENTIFIERS = frozenset(
    {
        "case_id",
        "test_name",
        "dagster_partition",
        "dagster_run_id",
        "suite",
        "experiment",
        "variant",
        "context_id",
        "shared_context_id",
        "dataset_content_version",
        "content_hash",
        "sync_hash",
        "target_version",
        "run_id",
        "feedback_id",
    }
)
"""Keys of identifiers in metadata, events and rows that this project writes."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_GITHUB = re.compile(r"gh[pousr]_([A-Za-z0-9]{30})([A-Za-z0-9]{6})")
_FULL_FORMATS = {
    "GitHub": re.compile(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    "GitLab": re.compile(r"glpat-[A-Za-z0-9_-]{20}"),
    "AWS": re.compile(r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    "Slack": re.compile(r"xox[abposr]-(?:[0-9]{9,14}-){1,3}[A-Za-z0-9]{20,64}"),
    "Google": re.compile(r"AIza[A-Za-z0-9_-]{35}"),
    "OpenAI": re.compile(r"sk-[A-Za-z0-9_-]*T3BlbkFJ[A-Za-z0-9_-]{20,}"),
    "Anthropic": re.compile(r"sk-ant-(?:api|admin)\d\d-[A-Za-z0-9_-]{93}AA"),
    "LangSmith": re.compile(r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    "Hugging Face": re.compile(r"hf_[A-Za-z]{34}"),
}


def with_identifiers(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """`after`, a redacted copy of `before`, with the identifiers as they are in `before`."""
    return {**after, **{name: before[name] for name in IDENTIFIERS & before.keys() if isinstance(before[name], str)}}


def provider_of_key(text: str) -> str | None:
    """The provider whose key `text` is beyond doubt, by its checksum or its full format; None for any other text."""
    match = _GITHUB.fullmatch(text)
    if match is not None and match[2] == _checksum(match[1]):
        return "GitHub"
    return next((name for name, pattern in _FULL_FORMATS.items() if pattern.fullmatch(text)), None)


def _checksum(text: str) -> str:
    """The last six characters of a token of GitHub's: a CRC-32 in base 62."""
    rest, digits = binascii.crc32(text.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0")
