"""docs/sagemaker.md can be followed: its commands run one after the other, with the AWS CLI."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from framework.defaults import PROJECT
from tests.moto_server import ACCOUNT

pytestmark = pytest.mark.slow
PAGE = (PROJECT / "docs/sagemaker.md").read_text(encoding="utf-8")
NEEDS_AN_ENGINE = "<!-- engine -->\n"


def blocks() -> list[str]:
    """The commands that need no Docker engine."""
    found = re.findall(rf"(?m)^({NEEDS_AN_ENGINE})?```sh\n((?s:.*?))^```$", PAGE)
    return [block for engine, block in found if not engine]


@pytest.fixture
def cli(request: pytest.FixtureRequest) -> Path:
    """The folder of AWS's own command line, in an environment of its own."""
    folder = Path(request.config.cache.mkdir("aws-cli")) / "env"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(folder / "bin/python"), "-m", "pip", "install", "-qq", "awscli"]
            subprocess.run(pip, check=True, capture_output=True)
            (folder / "complete").touch()
    return folder / "bin"


def test_a_newcomer_gets_there(aws: str, cli: Path, tmp_path: Path) -> None:
    for name in ("run.py", "conf", "data", "framework", "transforms"):
        (tmp_path / name).symlink_to(PROJECT / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(cli), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "".join(blocks())],  # noqa: S607 - any bash
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "about 5,000 rows" in done.stdout
    assert "nothing to stop" in done.stdout
    jobs: list[dict[str, Any]] = boto3.client("sagemaker").list_processing_jobs()[
        "ProcessingJobSummaries"
    ]
    assert len(jobs) == 2
    made = boto3.client("iam").get_role_policy(RoleName="headrace", PolicyName="headrace")
    assert made["PolicyDocument"] == json.loads((tmp_path / "policy.json").read_text())
    assert ACCOUNT in json.dumps(made["PolicyDocument"])


def test_the_page_knows_every_action_that_looks_after_jobs() -> None:
    for action in ("plan", "build", "push", "jobs", "describe", "logs", "stop", "policy"):
        assert f"action={action}" in PAGE
