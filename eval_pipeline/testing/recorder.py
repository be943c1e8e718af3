"""The recorder as a test's double of LangSmith."""

import functools
from collections.abc import Mapping
from typing import ClassVar

import langsmith

from eval_pipeline.recorder.server import RecorderServer


class TestRecorder(RecorderServer):
    """A recorder in memory, with what tests ask of it."""

    __test__: ClassVar[bool] = False

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables by which LangSmith's SDK and this package use it."""
        return {
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": self.url,
            "LANGSMITH_API_KEY": "test",
            "EVAL_PIPELINE_TRACING": "recorder",
            "EVAL_PIPELINE_RECORDER_URL": self.url,
        }

    @functools.cached_property
    def client(self) -> langsmith.Client:
        """A client of it."""
        return langsmith.Client(api_url=self.url, api_key="test", web_url=self.url)

    @property
    def runs_created(self) -> list[langsmith.schemas.Run]:
        """The runs of all projects, in the order in which they began."""
        projects = [project.name for project in self.client.list_projects()]
        runs = [run for name in projects for run in self.client.list_runs(project_name=name)]
        return sorted(runs, key=lambda run: (run.start_time, run.dotted_order or ""))

    @property
    def last_run(self) -> langsmith.schemas.Run:
        """The root run that began last.

        Raises:
            AssertionError: there is none.
        """
        roots = [run for run in self.runs_created if run.parent_run_id is None]
        if not roots:
            raise AssertionError("the recorder has no run")
        return roots[-1]
