from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.config.models import JobConfig
from headrace.errors import ConfigError, JobFailed
from headrace.targets.container import checks as container_limits
from tests.conftest import Completed
from tests.targets.by_hand import data_input, make_config, make_job

MODE = "the SageMaker SDK's local mode"


def limited(config: JobConfig, **limits: int | None) -> JobConfig:
    resources = config.resources.model_copy(update=limits)
    return config.model_copy(update={"resources": resources})


def test_all_that_local_mode_cannot_do(output: Path) -> None:
    piped, packed = data_input("s3://b/in"), data_input("s3://b/in")
    piped["S3Input"]["S3InputMode"] = "Pipe"
    packed["S3Input"]["S3CompressionType"] = "Gzip"
    other = {"InputName": "table", "DatasetDefinition": {}}
    job = make_job(output, "", inputs=(piped, packed, other), instances=3)
    targets = job.request["ProcessingOutputConfig"]["Outputs"]
    targets[0]["S3Output"]["S3UploadMode"] = "Continuous"
    targets.append({"OutputName": "store", "FeatureStoreOutput": {}})
    with pytest.raises(ConfigError) as caught:
        container_limits.check(job.view, limited(make_config(output), max_runtime_minutes=5))
    assert str(caught.value).splitlines() == [
        "7 problems in the configuration:",
        f"  resources.instance_count: {MODE} runs one container and deals out no shards (got 3); "
        "use target=local",
        f"  resources.max_runtime_minutes: {MODE} has no stopping condition (got 5 minutes); "
        "use target=local",
        f"  input 'data': {MODE} knows S3InputMode 'File' only (got 'Pipe'); use target=aws",
        f"  input 'data': {MODE} knows S3CompressionType 'None' only (got 'Gzip'); use target=aws",
        f"  input 'table': {MODE} reads S3Input only; use target=aws",
        f"  output 'train': {MODE} knows S3UploadMode 'EndOfJob' only (got 'Continuous'); "
        "use target=aws",
        f"  output 'store': {MODE} writes S3Output only; use target=aws",
    ]


def test_a_limit_in_seconds_is_refused_as_well(output: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        container_limits.check(
            make_job(output, "").view, limited(make_config(output), max_runtime_seconds=90)
        )
    assert str(caught.value).splitlines()[1:] == [
        f"  resources.max_runtime_seconds: {MODE} has no stopping condition (got 90 seconds); "
        "use target=local"
    ]


def test_a_job_that_it_can_do(output: Path) -> None:
    container_limits.check(make_job(output, "").view, make_config(output))
    unlimited = limited(make_config(output), max_runtime_minutes=None)
    container_limits.check(make_job(output, "").view, unlimited)


def test_it_is_told_before_anybody_looks_for_an_engine(
    output: Path, headrace: Callable[..., Completed]
) -> None:
    done = headrace(
        *("backend=script", "target=container", f"output.path={output}"),
        "resources.max_runtime_minutes=5",
        environment={"DOCKER_HOST": "unix:///nowhere"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "1 problem in the configuration:\n"
        f"  resources.max_runtime_minutes: {MODE} has no stopping condition (got 5 minutes); "
        "use target=local\n"
    )
    assert not output.exists()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a PATH of programs that end with the given status."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(**statuses: int) -> None:
        for name, status in statuses.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\nexit {status}\n")
            file.chmod(0o755)

    return make


def test_no_command_line_of_docker(programs: Callable[..., None]) -> None:
    with pytest.raises(JobFailed) as caught:
        container_limits.check_programs()
    assert str(caught.value) == f"{MODE} calls the program 'docker', which is not on the PATH"


def test_no_compose(programs: Callable[..., None]) -> None:
    programs(docker=1)
    with pytest.raises(JobFailed) as caught:
        container_limits.check_programs()
    assert str(caught.value) == f"{MODE} needs Docker Compose; install 'docker compose'"


@pytest.mark.parametrize("statuses", [{"docker": 0}, {"docker": 1, "docker_compose": 0}])
def test_either_compose_will_do(programs: Callable[..., None], statuses: dict[str, int]) -> None:
    programs(**statuses)
    container_limits.check_programs()


def test_no_engine(
    output: Path, programs: Callable[..., None], headrace: Callable[..., Completed]
) -> None:
    programs(docker=0)
    done = headrace(
        *("backend=script", "target=container", f"output.path={output}"),
        environment={"DOCKER_HOST": "unix:///nowhere"},
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "no Docker engine answers at unix:///nowhere (No such file or directory); "
        "start one or set DOCKER_HOST\n"
    )
    assert not output.exists()
