"""S3 servers for tests: moto's over HTTP, always; Ceph's radosgw, a real object store, where it is installed.

radosgw stands on a monitor and one storage daemon that keeps its objects in memory; all of it is started here, on
loopback, in a folder of its own, and stopped.
"""

import contextlib
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from eval_pipeline_tests.ports import reserved_port

ACCESS_KEY, SECRET_KEY = "AKtest", "SKtestSKtest"
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
START_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """Where a server listens."""

    endpoint: str

    def client(self, *, secret: str = SECRET_KEY) -> Any:
        """A client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret,
        )

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"b{uuid.uuid4().hex}"
        self.client().create_bucket(Bucket=name)
        return name


@contextlib.contextmanager
def moto_server() -> Iterator[S3Server]:
    """moto, in this process, over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(endpoint=f"http://{host}:{port}")
    finally:
        server.stop()


def missing_programs() -> list[str]:
    """What radosgw needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def radosgw_server(folder: Path) -> Iterator[S3Server]:
    """Ceph's radosgw with all it stands on, in `folder`."""
    with contextlib.ExitStack() as stack:
        monitor, gateway = stack.enter_context(reserved_port()), stack.enter_context(reserved_port())
        _write_configuration(folder, monitor=monitor, gateway=gateway)
        _make_monitor(folder, monitor)
        stack.enter_context(_running(folder, "ceph-mon", "-i", "a", "-f"))
        _make_storage(folder)
        stack.enter_context(_running(folder, "ceph-osd", "-i", "0", "-f"))
        user = ("--uid", "test", "--display-name", "test", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        _call(folder, "radosgw-admin", "user", "create", *user)
        stack.enter_context(_running(folder, "radosgw", "-f"))
        endpoint = f"http://127.0.0.1:{gateway}"
        _wait_for(endpoint)
        yield S3Server(endpoint=endpoint)


def _write_configuration(folder: Path, *, monitor: int, gateway: int) -> None:
    (folder / "ceph.conf").write_text(
        f"""
[global]
fsid = {uuid.uuid4()}
mon host = [v1:127.0.0.1:{monitor}]
mon initial members = a
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
keyring = {folder}/keyring
run dir = {folder}
admin socket =
log file = {folder}/$name.log
pid file =
mon cluster log file = {folder}/cluster.log
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon pg warn min per osd = 0
auth client required = cephx
setuser match path = {folder}
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw data = {folder}/rgw
""".lstrip()
    )


def _make_monitor(folder: Path, port: int) -> None:
    keyring, monmap = folder / "keyring", folder / "monmap"
    caps = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
    make = ("--create-keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    _call(folder, "ceph-authtool", str(keyring), *make)
    _call(folder, "ceph-authtool", str(keyring), "--gen-key", "-n", "client.admin", *caps)
    _call(folder, "monmaptool", "--create", "--addv", "a", f"[v1:127.0.0.1:{port}]", str(monmap))
    (folder / "mon").mkdir()
    _call(folder, "ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap), "--keyring", str(keyring))


def _make_storage(folder: Path) -> None:
    identity = str(uuid.uuid4())
    _call(folder, "ceph", "osd", "new", identity)
    (folder / "osd").mkdir()
    _call(folder, "ceph", "auth", "get-or-create", "osd.0", "mon", "allow *", "osd", "allow *", "-o", f"{folder}/osd0")
    _call(folder, "ceph-authtool", f"{folder}/keyring", "--import-keyring", f"{folder}/osd0")
    _call(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)


def _call(folder: Path, *command: str) -> None:
    done = subprocess.run(_with_configuration(folder, command), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2_000:]}")


@contextlib.contextmanager
def _running(folder: Path, *command: str) -> Iterator[None]:
    with (folder / f"{command[0]}.out").open("wb") as output:
        process = subprocess.Popen(_with_configuration(folder, command), stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _with_configuration(folder: Path, command: tuple[str, ...]) -> list[str]:
    if command[0] in {"ceph-authtool", "monmaptool"}:
        return list(command)
    named = ["-n", "client.admin"] if command[0] in {"radosgw", "radosgw-admin"} else []
    return [command[0], "-c", str(folder / "ceph.conf"), *named, *command[1:]]


def _wait_for(endpoint: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(endpoint, timeout=5)
            return
        time.sleep(0.1)
    raise RuntimeError(f"radosgw did not answer at {endpoint}")
