"""Dagster's web server, asked as its UI asks."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

_BACKFILL = """mutation($given: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $given) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_RETRY = """mutation($given: ReexecutionParams!) { reexecutePartitionBackfill(reexecutionParams: $given) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_CANCEL = "mutation($given: String!) { cancelPartitionBackfill(backfillId: $given) { __typename } }"
_STATUS = (
    "query($given: String!) { partitionBackfillOrError(backfillId: $given) { ... on PartitionBackfill { status } } }"
)
_RUN = """mutation($given: ExecutionParams!) { launchRun(executionParams: $given) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_RUN_STATUS = "query($given: ID!) { runOrError(runId: $given) { ... on Run { status } } }"
_TERMINATE = "mutation($given: String!) { terminateRun(runId: $given) { __typename } }"
_POOL = "mutation($given: String!) { setConcurrencyLimit(concurrencyKey: $given, limit: 1) { __typename } }"
_LOCATIONS = """query { workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
_UNDER_WAY = {"REQUESTED", "CANCELING", "FAILING", "QUEUED", "NOT_STARTED", "STARTING", "STARTED"}


@dataclass(frozen=True, kw_only=True)
class DagsterApi:
    """The server at a URL."""

    url: str

    def answers(self) -> bool:
        """Whether there is a server."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/server_info", timeout=5).status_code == httpx.codes.OK
        return False

    def loaded(self) -> bool:
        """Whether there is a server that has loaded all code locations."""
        if not self.answers():
            return False
        entries = self._ask(_LOCATIONS, None)["workspaceOrError"]["locationEntries"]
        found = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
        return bool(found) and set(found) == {"RepositoryLocation"}

    def backfill(self, assets: Sequence[Sequence[str]], keys: Sequence[str]) -> str:
        """Begin a backfill of some partitions of assets. Returns its id."""
        given = {"assetSelection": [{"path": list(asset)} for asset in assets], "partitionNames": list(keys)}
        return self._backfill_id(self._ask(_BACKFILL, given)["launchPartitionBackfill"])

    def retry_backfill(self, backfill: str) -> str:
        """Begin a backfill of those partitions of an ended one that failed. Returns its id."""
        given = {"parentRunId": backfill, "strategy": "FROM_FAILURE"}
        return self._backfill_id(self._ask(_RETRY, given)["reexecutePartitionBackfill"])

    def cancel_backfill(self, backfill: str) -> None:
        """Cancel a backfill."""
        self._ask(_CANCEL, backfill)

    def ended_backfill(self, backfill: str) -> str | None:
        """The status of a backfill that has ended, or None."""
        return self._ended(self.status_of(backfill))

    def status_of(self, backfill: str) -> str:
        """The status of a backfill."""
        return str(self._ask(_STATUS, backfill)["partitionBackfillOrError"]["status"])

    def run(self, assets: Sequence[Sequence[str]]) -> str:
        """Launch a run of unpartitioned assets. Returns its id."""
        selector = {
            "repositoryLocationName": "eval_pipeline",
            "repositoryName": "__repository__",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": list(asset)} for asset in assets],
        }
        launched = self._ask(_RUN, {"selector": selector, "runConfigData": {}})["launchRun"]
        assert "run" in launched, launched
        return str(launched["run"]["runId"])

    def ended_run(self, run_id: str) -> str | None:
        """The status of a run that has ended, or None."""
        return self._ended(self._ask(_RUN_STATUS, run_id)["runOrError"]["status"])

    def terminate(self, run_id: str) -> None:
        """Cancel a run."""
        self._ask(_TERMINATE, run_id)

    def limit_pool_to_one(self, pool: str) -> None:
        """At most one run of the pool at a time."""
        self._ask(_POOL, pool)

    def query(self, text: str, **variables: str) -> dict[str, Any]:
        """The answer to a query, such as one of the documentation."""
        return self._post(text, variables)

    @staticmethod
    def _backfill_id(launched: dict[str, Any]) -> str:
        assert "backfillId" in launched, launched
        return str(launched["backfillId"])

    @staticmethod
    def _ended(status: str) -> str | None:
        return None if status in _UNDER_WAY else status

    def _ask(self, query: str, given: Any) -> dict[str, Any]:
        return self._post(query, {} if given is None else {"given": given})

    def _post(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        # A machine that is busy starting things answers late.
        body = {"query": query, "variables": variables}
        answer: dict[str, Any] = httpx.post(f"{self.url}/graphql", json=body, timeout=120).json()
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"]
        return found
