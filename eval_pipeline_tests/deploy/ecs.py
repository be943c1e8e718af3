"""An ECS cluster without machines: moto keeps its books, and an agent here runs what it should run, as processes."""

import contextlib
import json
import os
import string
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import boto3
import httpx

from eval_pipeline_tests.s3_servers import ACCESS_KEY, SECRET_KEY
from eval_pipeline_tests.small_server import Answers, answering

CLUSTER = "evaluations"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
}
_LOOK_SECONDS = 0.2
_RUN_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster at moto's endpoint."""

    endpoint: str

    def client(self, service: str) -> Any:
        """A client of one of Amazon's services."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def create(self) -> None:
        """Create it; its tasks run until they are stopped, which moto would do by itself."""
        self.client("ecs").create_cluster(clusterName=CLUSTER)
        manual = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1}}
        httpx.post(f"{self.endpoint}/moto-api/state-manager/set-transition", json=manual).raise_for_status()

    def register(self, file: Path, values: Mapping[str, str]) -> str:
        """Register a task definition from a file that says `${NAME}` for what `values` holds. Returns its ARN."""
        definition = json.loads(string.Template(file.read_text()).substitute(values))
        registered = self.client("ecs").register_task_definition(**definition)
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    def start_task(self, definition: str) -> tuple[str, str]:
        """Start a task in a subnet, as the service of a daemon does. Returns its ARN and its subnet."""
        ec2 = self.client("ec2")
        subnet = str(ec2.describe_subnets()["Subnets"][0]["SubnetId"])
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
        started = self.client("ecs").run_task(
            cluster=CLUSTER, taskDefinition=definition, launchType="FARGATE", networkConfiguration=network
        )
        return str(started["tasks"][0]["taskArn"]), subnet

    def task(self, arn: str) -> dict[str, Any]:
        """What is known of a task."""
        (task,) = self.client("ecs").describe_tasks(cluster=CLUSTER, tasks=[arn], include=["TAGS"])["tasks"]
        described: dict[str, Any] = task
        return described


@contextlib.contextmanager
def metadata_endpoint(task_arn: str) -> Iterator[str]:
    """The metadata that a container gets about its own task, at the URL in `ECS_CONTAINER_METADATA_URI_V4`."""

    class Handler(Answers):
        body: ClassVar[bytes] = json.dumps({"Cluster": CLUSTER, "TaskARN": task_arn}).encode()

        def do_GET(self) -> None:  # noqa: N802 - named by the library
            self.send_response(200)
            self.send_header("content-length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

    with answering(Handler) as url:
        yield url


@contextlib.contextmanager
def running_agent(cluster: Cluster, folder: Path) -> Iterator[dict[str, dict[str, str]]]:
    """Run the command of every task that has one; yields the environments their containers were given, by task."""
    stop, environments = threading.Event(), dict[str, dict[str, str]]()

    def look() -> None:
        ecs, done = cluster.client("ecs"), set[str]()
        while not stop.wait(_LOOK_SECONDS):
            for arn in set(ecs.list_tasks(cluster=CLUSTER)["taskArns"]) - done:
                done.add(arn)
                overrides = cluster.task(arn)["overrides"].get("containerOverrides") or []
                for container in overrides:
                    environments[arn] = _environment(cluster, cluster.task(arn)["taskDefinitionArn"])
                    _run(folder / f"{arn.rpartition('/')[2]}.log", container["command"], environments[arn])
                    ecs.stop_task(cluster=CLUSTER, task=arn)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield environments
    finally:
        stop.set()
        thread.join()


def _environment(cluster: Cluster, definition: str) -> dict[str, str]:
    """Of a container: what its definition says, secrets from Secrets Manager, and the credentials of its role."""
    described = cluster.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    (container,) = described["containerDefinitions"]
    secrets = cluster.client("secretsmanager")
    plain = {each["name"]: each["value"] for each in container["environment"]}
    secret = {
        each["name"]: secrets.get_secret_value(SecretId=each["valueFrom"])["SecretString"]
        for each in container["secrets"]
    }
    # Amazon gives a task credentials of its role, and a name is all it takes to reach Amazon.
    role = {**CREDENTIALS, "AWS_ENDPOINT_URL": cluster.endpoint}
    return {**plain, **secret, **role}


def _run(log: Path, command: list[str], environment: Mapping[str, str]) -> None:
    image = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(log.parent)}
    own = {**image, **environment}
    with log.open("wb") as output:
        subprocess.run(
            command, env=own, cwd=log.parent, stdout=output, stderr=output, timeout=_RUN_SECONDS, check=False
        )
