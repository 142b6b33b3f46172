"""One engine for all these tests, with both images built on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.config.defaults import PROJECT
from tests import children
from tests.engine.engine import BASE, Engine, running
from tests.engine.packages import missing, parts

SECRET = "hunter2"  # noqa: S105 - nobody's
"""In the address of a package index, as a user's configuration of pip may have it."""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if reason := missing():
        pytest.skip(reason)
    with running(parts()) as engine:
        yield engine


@pytest.fixture(scope="session")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Backend → what ``action=build`` printed."""
    names = ("script", "processor")
    return {name: build(engine, name, tmp_path_factory.mktemp(name)) for name in names}


def build(engine: Engine, backend: str, folder: Path) -> str:
    index = f"http://user:{SECRET}@127.0.0.1:9/simple"
    pip = {"PIP_EXTRA_INDEX_URL": index, "PIP_RETRIES": "0", "AWS_SECRET_ACCESS_KEY": SECRET}
    done = children.run(
        [
            *(sys.executable, str(PROJECT / "run.py"), "action=build"),
            *(f"backend={backend}", f"backend.base_image={BASE}"),
        ],
        cwd=folder,
        env={**os.environ, **engine.environment, **pip},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture(autouse=True)
def docker(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This process and those that it starts talk to the engine; the folder of Docker's settings."""
    for name, value in engine.environment.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_container_is_left(engine: Engine, docker: Path) -> Iterator[None]:
    yield
    assert engine.client.containers.list(all=True) == []
