"""What a user's program sees of the environment, and what it does not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from headrace.aws.request import RequestView
from headrace.errors import JobFailed
from headrace.targets.local.private_root.command import argv
from headrace.targets.local.private_root.environment import environment

USERS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "HEADRACE_THREADS": "2",
    "HOME": "/home/user",
    "PATH": "/usr/bin",
    "PYTHONPATH": "/somewhere",
    "VIRTUAL_ENV": "/venv",
    "https_proxy": "http://proxy",
}


def request(**fields: Any) -> RequestView:
    image = "257758044811.dkr.ecr.us-east-2.amazonaws.com/sagemaker-scikit-learn:1.9-0"
    command = {"ContainerEntrypoint": ["python3", "a.py"], "ContainerArguments": ["--b"]}
    return RequestView({"AppSpecification": {"ImageUri": image, **command}, **fields})


def test_it_is_that_of_a_container_and_of_the_machine() -> None:
    asked = request(Environment={"MINE": "1", "LANG": "C"})
    assert environment(asked, "algo-2", ["algo-1", "algo-2"], USERS) == {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_REGION": "us-east-2",
        "HOME": "/home/user",
        "LANG": "C",
        "LC_ALL": "C.UTF-8",
        "MINE": "1",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "UTF-8",
        "PYTHONUNBUFFERED": "1",
        "SM_CURRENT_HOST": "algo-2",
        "SM_HOSTS": '["algo-1", "algo-2"]',
        "https_proxy": "http://proxy",
    }


def test_a_job_without_network_gets_no_credentials() -> None:
    isolated = request(NetworkConfig={"EnableNetworkIsolation": True})
    assert "AWS_ACCESS_KEY_ID" not in environment(isolated, "algo-1", ["algo-1"], USERS)


def test_python_is_the_one_that_runs_headrace() -> None:
    assert argv(request(), "/usr/bin") == (sys.executable, "a.py", "--b")


def test_a_program_that_is_missing_is_told_at_once() -> None:
    app = {"ImageUri": "mine", "ContainerEntrypoint": ["no-such-program"]}
    with pytest.raises(JobFailed) as caught:
        argv(RequestView({"AppSpecification": app}), "/usr/bin")
    assert str(caught.value) == (
        "the entrypoint 'no-such-program' is no program of this machine; install it, or use "
        "target=container"
    )
