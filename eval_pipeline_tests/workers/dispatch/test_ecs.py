"""`compute: ecs`: moto is the control plane, and an agent of this test runs the container's command as a process."""

import os
import threading
from collections.abc import Iterator
from typing import Self

import boto3
import httpx
import pytest

from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.warm_processes import run_warm
from eval_pipeline_tests.workers.begun import Begun
from eval_pipeline_tests.workers.dispatch.conftest import World

_COMPUTE = """{kind: ecs, cluster: CLUSTER, task_definition: worker, subnets: [SUBNET], cases_per_task: 6,
  max_parallel: 2, poll_s: 0.3}"""
_NEVER = {"progression": "manual", "times": 1_000_000}


class Agent:
    """Runs what the cluster is asked to run: each container once, without a word of what it ended with."""

    def __init__(self, begun: Begun, *, broken: int = 0) -> None:
        self._begun, self._broken = begun, broken
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.ran: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        # One of its own: moto keeps its settings as long as this process lives.
        client, cluster = boto3.client("ecs"), self._begun.bucket
        while not self._ended.wait(0.2):
            for arn in client.list_tasks(cluster=cluster)["taskArns"]:
                if arn not in self.ran:
                    self.ran.append(arn)
                    self._container(client.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0])
                    client.stop_task(cluster=cluster, task=arn, reason="its command ended")

    def _container(self, task: dict[str, object]) -> None:
        if len(self.ran) <= self._broken:
            return
        variables = task["overrides"]["containerOverrides"][0]["environment"]  # type: ignore[index]
        environment = {
            **os.environ,
            **self._begun.environment,
            **{variable["name"]: variable["value"] for variable in variables},
        }
        run_warm("eval_pipeline.workers.command:program", environment=environment)


@pytest.fixture
def begun(world: World) -> Iterator[Begun]:
    begun = world(cases=12, compute="local")
    subnet = boto3.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    compute = _COMPUTE.replace("SUBNET", subnet).replace("CLUSTER", begun.bucket)
    text = (begun.suite / "suite.yaml").read_text()
    (begun.suite / "suite.yaml").write_text(text.replace("compute: local", f"compute: {compute}"))
    client = boto3.client("ecs")
    client.create_cluster(clusterName=begun.bucket)
    containers = [{"name": "worker", "image": "worker", "memory": 512}]
    client.register_task_definition(family="worker", containerDefinitions=containers, networkMode="awsvpc")
    transition = {"model_name": "ecs::task", "transition": _NEVER}
    httpx.post(f"{begun.endpoint}/moto-api/state-manager/set-transition", json=transition).raise_for_status()
    yield begun
    unset = {"model_name": "ecs::task"}
    httpx.post(f"{begun.endpoint}/moto-api/state-manager/unset-transition", json=unset).raise_for_status()


@pytest.mark.parametrize("broken", [0, 1])
def test_a_run_of_dagster_has_containers_do_its_cases_again_where_one_ended_without_a_word(
    begun: Begun, broken: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Agent(begun, broken=broken) as agent:
        done = made_terminal(monkeypatch, capfd)("run", begun.suite, "--json")

    assert done.document["status_counts"] == {"passed": 11, "error": 1}, done.stderr
    experiment = done.document["experiment"]
    assert len(agent.ran) == 2 + broken
    assert len(begun.calls()) == len(begun.rows(experiment)) == len(begun.traced(experiment)) == 12
