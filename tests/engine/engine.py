"""A Docker engine of our own with a registry beside it, in network and mount namespaces of its own.

The machine's network is not touched. Nothing in there reaches the outside, so an image can only be
built of what the build's context brings. The registry answers to a name in Amazon ECR, too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import docker

from tests.engine.packages import Parts
from tests.moto_server import ACCOUNT, REGION

ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
REGISTRY = "127.0.0.1:80"
USER, PASSWORD = "AWS", f"{ACCOUNT}-auth-token"
"""What moto's ECR gives for a login, and all that the registry accepts."""
BASE = "debian-with-python:1"
SECONDS = 60

REGISTRY_CONFIG = """\
version: 0.1
log: {{accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}/registry}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: headrace, path: {root}/htpasswd}}}}
"""


@dataclass(frozen=True)
class Engine:
    """One that runs."""

    client: docker.DockerClient
    environment: dict[str, str]
    """For who wants to talk to it; programs that the machine lacks are on its path."""


@contextmanager
def running(parts: Parts) -> Iterator[Engine]:
    """Start an engine that has the base image, and stop it."""
    root = Path(tempfile.mkdtemp(prefix="headrace-engine-"))
    try:
        _configure(root)
        with (
            (root / "log").open("w") as log,
            _process(_dockerd(root), parts, log.fileno()) as dockerd,
            _client(root, dockerd) as client,
            _process(_registry(root, dockerd.pid), parts, log.fileno()),
        ):
            repository, tag = BASE.split(":")
            client.api.import_image(str(parts.base), repository=repository, tag=tag)
            path = f"{os.environ['PATH']}:{parts.programs}/usr/bin"
            yield Engine(client, {"DOCKER_HOST": _socket(root), "PATH": path})
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _configure(root: Path) -> None:
    (root / "data").mkdir()
    (root / "hosts").write_text(f"127.0.0.1 localhost {ECR}\n")
    (root / "registry.yml").write_text(REGISTRY_CONFIG.format(root=root, address=REGISTRY))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (root / "htpasswd").write_text(f"{USER}:{hashed}\n")


def _socket(root: Path) -> str:
    return f"unix://{root}/docker.sock"


def _dockerd(root: Path) -> list[str]:
    command = (
        f"ip link set lo up && mount --bind {root}/hosts /etc/hosts"
        f" && mount -t tmpfs tmpfs {root}/data && exec dockerd"
        f" --host={_socket(root)} --data-root={root}/data --exec-root={root}/exec"
        f" --pidfile={root}/pid --exec-opt=native.cgroupdriver=cgroupfs --insecure-registry={ECR}"
    )
    return ["unshare", "--net", "--mount", "sh", "-c", command]


def _registry(root: Path, pid: int) -> list[str]:
    inside = ["nsenter", f"--target={pid}", "--net", "--mount"]
    return [*inside, "docker-registry", "serve", f"{root}/registry.yml"]


@contextmanager
def _process(command: list[str], parts: Parts, log: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that also ends when this one is killed."""
    found = ":".join(str(parts.programs / folder) for folder in ("usr/bin", "usr/sbin"))
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=TERM", *command],  # noqa: S607 - wherever Debian has it
        env={**os.environ, "PATH": f"{found}:{os.environ['PATH']}:/usr/sbin:/sbin"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


@contextmanager
def _client(root: Path, dockerd: subprocess.Popen[bytes]) -> Iterator[docker.DockerClient]:
    deadline = time.monotonic() + SECONDS
    while not (root / "docker.sock").exists():
        assert dockerd.poll() is None, f"dockerd ended:\n{(root / 'log').read_text()}"
        assert time.monotonic() < deadline, f"dockerd is late:\n{(root / 'log').read_text()}"
        time.sleep(0.1)
    with closing(docker.DockerClient(_socket(root), timeout=SECONDS)) as client:
        yield client
