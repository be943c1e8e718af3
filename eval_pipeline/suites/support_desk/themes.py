"""The offline model as a pattern finder: pairs of words that occur together in many records are a theme."""

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
    """A theme of several records."""

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
    """The theme around the most frequent pair of words, from the records that share words with it."""
    words_of = {_first(record): set(words(_text(record))) - set(words(group)) for record in records}
    pairs: Counter[tuple[str, ...]] = Counter(
        pair for vocabulary in words_of.values() for pair in itertools.combinations(sorted(vocabulary), 2)
    )
    if not pairs or max(pairs.values()) < _PAIR:
        return None
    core = {*max(pairs, key=lambda pair: (pairs[pair], pair))}
    near = Counter(word for vocabulary in words_of.values() if vocabulary & core for word in vocabulary)
    topic = core | {word for word, count in near.items() if count >= _MIN_RECORDS}
    evidence = [key for key, vocabulary in words_of.items() if len(vocabulary & topic) >= _PAIR]
    if len(evidence) < _MIN_RECORDS:
        return None
    texts = Counter(_text(record) for record in records if _first(record) in evidence)
    terms = ", ".join(sorted(near, key=lambda word: (-near[word], word))[:3])
    description = " ".join(sorted(texts)[:3])
    return Theme(title=f"{group}: {terms}".removeprefix(": "), description=description, evidence=evidence)


def _records(prompt: str) -> list[Mapping[str, Any]]:
    records = []
    for line in prompt.splitlines():
        if line.startswith("{"):
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return records


def _group(record: Mapping[str, Any]) -> str:
    return str(next((record[name] for name in _GROUP_FIELDS if name in record), ""))


def _first(record: Mapping[str, Any]) -> str:
    return str(next(iter(record.values())))


def _text(record: Mapping[str, Any]) -> str:
    """The longest text among the fields, which is the content of the record."""
    return max((str(value) for value in record.values()), key=len)
