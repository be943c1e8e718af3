"""The offline model as a pattern finder: pairs of words that stand together in many records are a theme."""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.suites.support_desk.similarity import words

_MIN_RECORDS = 5
_MAX_THEMES = 8
_PAIR = 2
_GROUP_FIELDS = ("product", "category", "subject", "kind")


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Something that several records say."""

    title: str
    description: str
    evidence: list[str]


def find_themes(prompt: str) -> list[Theme]:
    """The themes of the records in `prompt`, one JSON object a line, the most frequent first."""
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in _records(prompt):
        grouped[_group(record)].append(record)
    themes = [theme for group, records in grouped.items() if (theme := _theme(group, records))]
    return sorted(themes, key=lambda theme: -len(theme.evidence))[:_MAX_THEMES]


def _theme(group: str, records: Sequence[Mapping[str, Any]]) -> Theme | None:
    """What the records around the most frequent pair of words say: those that share a word of it with another."""
    said = {_first(record): set(words(_text(record))) - set(words(group)) for record in records}
    pairs: Counter[tuple[str, ...]] = Counter(
        pair for found in said.values() for pair in itertools.combinations(sorted(found), 2)
    )
    if not pairs or max(pairs.values()) < _PAIR:
        return None
    core = {*max(pairs, key=lambda pair: (pairs[pair], pair))}
    near = Counter(word for found in said.values() if found & core for word in found)
    topic = core | {word for word, count in near.items() if count >= _MIN_RECORDS}
    evidence = [key for key, found in said.items() if len(found & topic) >= _PAIR]
    if len(evidence) < _MIN_RECORDS:
        return None
    texts = Counter(_text(record) for record in records if _first(record) in evidence)
    terms = ", ".join(sorted(near, key=lambda word: (-near[word], word))[:3])
    description = " ".join(sorted(texts)[:3])
    return Theme(title=f"{group}: {terms}".removeprefix(": "), description=description, evidence=evidence)


def _records(prompt: str) -> list[Mapping[str, Any]]:
    found = []
    for line in prompt.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return found


def _group(record: Mapping[str, Any]) -> str:
    return str(next((record[name] for name in _GROUP_FIELDS if name in record), ""))


def _first(record: Mapping[str, Any]) -> str:
    return str(next(iter(record.values())))


def _text(record: Mapping[str, Any]) -> str:
    """The longest text among the fields: what the record says, as opposed to what it is."""
    return max((str(value) for value in record.values()), key=len)
