"""What tests of several modules need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import pytest
from hypothesis import settings
from omegaconf import DictConfig
from xdist.remote import Producer

from headrace.config import defaults
from headrace.config.hydra.loader import checked
from headrace.runtime.kernels import library
from tests import children, moto_server, parsing
from tests.sampling import examples
from tests.scheduling import FoldersTogether
from tests.warm import Warm, warm

Completed = subprocess.CompletedProcess[str]
PROGRAM = ("run.py", "conf", "framework", "transforms")

# A slow machine is no bug; where CI is set, every run tries the same examples.
settings.register_profile(
    "headrace",
    deadline=None,
    max_examples=examples(25),
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("headrace")


parsing.once()

# Whatever tests start finds the package, as the tests do themselves.
os.environ["PYTHONPATH"] = str(defaults.PROJECT / "framework")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FoldersTogether:
    return FoldersTogether(config, log)


@pytest.fixture
def numpy_alone() -> Iterator[None]:
    """Leaves out the compiled kernels."""
    library.use(library.OFF)
    yield
    library.use(library.AUTO)


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Callable[..., DictConfig]]:
    """Composes conf/ as the command line does; the result goes to a fresh folder."""
    defaults.register()
    conf = str(defaults.PROJECT / "conf")
    with checked(), hydra.initialize_config_dir(conf, version_base="1.3"):
        yield lambda *overrides: hydra.compose(
            "config", [f"output.path={tmp_path / 'out'}", *overrides]
        )


@pytest.fixture(scope="session")
def imported() -> Iterator[Warm]:
    """Runs commands of the program without their imports."""
    with warm() as run:
        yield run


@pytest.fixture
def headrace(tmp_path: Path, imported: Warm) -> Callable[..., Completed]:
    """Runs ``python run.py`` as a user does, from an unrelated folder."""

    def run(
        *arguments: str,
        project: Path = defaults.PROJECT,
        python: str = sys.executable,
        environment: dict[str, str] | None = None,
    ) -> Completed:
        variables = {**os.environ, **(environment or {})}
        asks_python = any(name.startswith("PYTHON") for name in environment or ())
        if (project, python) == (defaults.PROJECT, sys.executable) and not asks_python:
            return imported(arguments, tmp_path, variables)
        return children.run(
            [python, str(project / "run.py"), *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a running moto server."""
    with moto_server.moto_server() as endpoint:
        yield endpoint


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty AWS account, for this process and for those that it starts: moto's address."""
    from headrace.aws import clients

    moto_server.reset(moto)
    for name in [name for name in os.environ if name.startswith(("AWS_", "SAGEMAKER_"))]:
        monkeypatch.delenv(name)
    for name, value in {**moto_server.ENVIRONMENT, "AWS_ENDPOINT_URL": moto}.items():
        monkeypatch.setenv(name, value)
    clients.session.cache_clear()
    return moto


@pytest.fixture
def pip_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is all that pip knows, in this process and those that it starts."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where wheels are kept
    return folder


@pytest.fixture
def copy_of_project(tmp_path: Path) -> Path:
    """The program in a folder of its own, for tests that add to it; its byte code goes along."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in PROGRAM:
        source = defaults.PROJECT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    return folder
