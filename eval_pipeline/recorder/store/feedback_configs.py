"""Feedback configs: of each feedback key whether it is a number, a category or text, and its range."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from eval_pipeline.langsmith.protocol.error_responses import conflict, not_found, unprocessable
from eval_pipeline.recorder.config import TENANT_ID
from eval_pipeline.recorder.store.codec import dump, from_us, microseconds
from eval_pipeline.recorder.store.database import Conditions, Database

_TYPES = ("continuous", "categorical", "freeform")


class FeedbackConfigStore:
    """The table `feedback_configs`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create the config of a key from the body of `POST /feedback-configs`; an equal one may exist.

        Raises:
            ErrorResponse: 422 for an invalid config, 409 where the key has another one.
        """
        key = _key(body)
        existing = self.find(keys=[key])
        if existing and existing[0]["feedback_config"] != _config(body):
            raise conflict(f"Feedback config {key!r} already exists with another configuration")
        return self._put(key, _config(body), lower_is_better=body.get("is_lower_score_better") is True)

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """Apply the body of `PATCH /feedback-configs`; what it leaves out stays.

        Raises:
            ErrorResponse: 404, or 422 for an invalid config.
        """
        before = self._get(_key(body))
        config = before["feedback_config"] if body.get("feedback_config") is None else _config(body)
        lower = body.get("is_lower_score_better")
        return self._put(
            _key(body), config, lower_is_better=before["is_lower_score_better"] if lower is None else lower
        )

    def delete(self, key: str) -> None:
        """Delete the config of a key.

        Raises:
            ErrorResponse: 404.
        """
        self._get(key)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM feedback_configs WHERE key = ?", (key,))

    def find(self, *, keys: Sequence[str] = (), name_contains: str | None = None) -> list[dict[str, Any]]:
        """The configs of these keys, the last modified first; of all without keys."""
        where = Conditions()
        where.one_of("key", keys)
        where.given("instr(lower(key), lower(?)) > 0", name_contains)
        rows = self._database.rows(
            f"SELECT * FROM feedback_configs WHERE {where.sql} ORDER BY modified_us DESC, key",  # noqa: S608
            where.arguments,
        )
        return [
            {
                **orjson.loads(row["body"]),
                "feedback_key": row["key"],
                "tenant_id": TENANT_ID,
                "modified_at": from_us(row["modified_us"]),
            }
            for row in rows
        ]

    def is_lower_better(self, key: str) -> bool:
        """Whether a lower score of this key is better, which its config says."""
        return any(config["is_lower_score_better"] for config in self.find(keys=[key]))

    def _get(self, key: str) -> dict[str, Any]:
        configs = self.find(keys=[key])
        if not configs:
            raise not_found(f"Feedback config {key!r}")
        return configs[0]

    def _put(self, key: str, config: dict[str, Any], *, lower_is_better: bool) -> dict[str, Any]:
        body = {"feedback_config": config, "is_lower_score_better": lower_is_better}
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO feedback_configs VALUES (?, ?, ?)",
                (key, microseconds(self._now()), dump(body)),
            )
        return self._get(key)


def _key(body: dict[str, Any]) -> str:
    key = body.get("feedback_key")
    if not isinstance(key, str) or not key:
        raise unprocessable("feedback_key is required")
    return key


def _config(body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("feedback_config")
    if not isinstance(config, dict) or config.get("type") not in _TYPES:
        raise unprocessable(f"feedback_config.type must be one of {', '.join(_TYPES)}")
    return {name: config.get(name) for name in ("type", "min", "max", "categories")}
