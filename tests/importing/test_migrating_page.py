"""docs/migrating.md is true: each configuration compiles to the request that the SDK sends."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from headrace.aws.clients import client
from headrace.config.compose import compose
from headrace.config.defaults import PROJECT, run_folder_is
from headrace.config.hydra.session import composed
from headrace.importing.request_file import differences
from tests import children
from tests.importing.requests import ROLE, SKLEARN, request_of
from tests.moto_server import REGION
from tests.programs.jobs import script

PAGE = (PROJECT / "docs" / "migrating.md").read_text(encoding="utf-8")
CODE = "/opt/ml/processing/input/code"
OWN = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SPARK = (
    "906073651304.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py312-v1.0"
)
GIVEN = ("job.role=" + ROLE, "output.path=s3://bucket/out")
RUN_SDK = """
import json, sys
import boto3
from sagemaker.core.helper.session_helper import Session

sent = []
service = boto3.client("sagemaker")
service.create_processing_job = lambda **request: sent.append(request)
session = Session(sagemaker_client=service, default_bucket="bucket")
for block in json.load(sys.stdin):
    block = block.replace(" role=role,", " role=role, sagemaker_session=session,")
    block = block.replace(").run(", ").run(wait=False, logs=False, ")
    exec(block, {"role": sys.argv[1], "session": session})
json.dump(sent, open(sys.argv[2], "w"))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def an_input(name: str, uri: str, at: str, distribution: str = "FullyReplicated") -> dict[str, Any]:
    """An input as SDK 2 sends it."""
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": at,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
            "S3CompressionType": "None",
        },
    }


def an_output(name: str, uri: str, at: str, mode: str = "EndOfJob") -> dict[str, Any]:
    """An output as SDK 2 sends it."""
    place = {"S3Uri": uri, "LocalPath": at, "S3UploadMode": mode}
    return {"OutputName": name, "AppManaged": False, "S3Output": place}


def a_request(
    image: str,
    entrypoint: list[str],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    seconds: int | None,
    cluster: tuple[str, int, int] = ("ml.m5.xlarge", 1, 30),
    arguments: list[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A request as SDK 2 sends it: what is not given is left out."""
    kind, count, volume = cluster
    machines = {"InstanceType": kind, "InstanceCount": count, "VolumeSizeInGB": volume}
    application = {"ImageUri": image, "ContainerEntrypoint": entrypoint}
    return {
        "ProcessingJobName": "again",
        "ProcessingInputs": inputs,
        **({"ProcessingOutputConfig": {"Outputs": outputs}} if outputs else {}),
        "ProcessingResources": {"ClusterConfig": machines},
        **({"StoppingCondition": {"MaxRuntimeInSeconds": seconds}} if seconds else {}),
        "AppSpecification": application | ({"ContainerArguments": arguments} if arguments else {}),
        "RoleArn": ROLE,
        **fields,
    }


RAW = an_input("raw", "s3://bucket/raw", "/opt/ml/processing/input/raw")
TRAIN = an_output("train", "s3://bucket/out/train", "/opt/ml/processing/output/train")
SHARDS = an_input("logs", "s3://bucket/logs/", "/opt/ml/processing/logs", "ShardedByS3Key")
FEATURES = an_output(
    "features", "s3://bucket/out/features", "/opt/ml/processing/features", "Continuous"
)
EXPECTED = {
    "sklearn": a_request(
        SKLEARN,
        ["python3", f"{CODE}/prepare.py"],
        [RAW, an_input("code", "s3://bucket/out/code/prepare.py", CODE)],
        [TRAIN],
        None,
        arguments=["--split", "0.8"],
    ),
    "script": a_request(
        f"{OWN}/mine:1",
        ["python3", "-u", f"{CODE}/prepare.py"],
        [SHARDS, an_input("code", "s3://bucket/out/code/prepare.py", CODE)],
        [FEATURES],
        3600,
        ("ml.c5.xlarge", 2, 50),
        Environment={"STAGE": "test"},
    ),
    "processor": a_request(
        f"{OWN}/tool:1",
        ["/bin/tool", "run"],
        [RAW],
        [TRAIN],
        7200,
        arguments=["--all"],
        NetworkConfig={"EnableNetworkIsolation": True},
    ),
    "pyspark": a_request(
        SPARK,
        ["smspark-submit", f"{CODE}/join.py"],
        [an_input("code", "s3://bucket/out/code/join.py", CODE)],
        [],
        7200,
        ("ml.m5.xlarge", 4, 30),
        arguments=["--day", "2014-10-21"],
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configurations of the page and the scripts that they name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name in ("prepare.py", "join.py", "src/preprocess.py"):
        script(tmp_path, name=name)
    for block in blocks("yaml"):
        (name,) = re.findall(r"^# (conf/experiment/\w+\.yaml)$", block, re.MULTILINE)
        script(tmp_path, block, name)
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_request_is_that_of_sdk_2(name: str) -> None:
    made = request_of(f"experiment={name}", *GIVEN)
    assert list(differences(EXPECTED[name], made)) == []


@pytest.mark.usefixtures("project")
def test_a_folder_travels_in_one_archive() -> None:
    made = request_of("experiment=framework", *GIVEN)
    assert made["AppSpecification"]["ContainerEntrypoint"][-1] == f"{CODE}/headrace_launch.py"
    assert made["ProcessingInputs"][-1] == an_input("code", "s3://bucket/out/code/", CODE)


def test_every_command_of_the_page_is_valid(project: Path) -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    script(project, "{}", "conf/experiment/prepare.yaml")
    (project / "conf/experiment/prepare.yaml").write_text("# @package _global_\njob: {}\n")
    for command in commands:
        program, *overrides = shlex.split(command)
        assert program == "headrace"
        with run_folder_is("/run/folder"):
            compose(composed(overrides))


@pytest.mark.slow
@pytest.mark.usefixtures("aws")
def test_the_request_is_that_of_sdk_3(project: Path) -> None:
    """The code of the page runs with the installed SDK against moto; its last call is caught."""
    client("s3", REGION).create_bucket(Bucket="bucket")
    examples = [block for block in blocks("python") if "sagemaker.core" in block]
    sent = project / "sent.json"
    children.run(
        [sys.executable, "-W", "ignore", "-c", RUN_SDK, ROLE, str(sent)],
        input=json.dumps(examples),
        env={**os.environ, "HOME": str(project), "AWS_DEFAULT_REGION": "eu-central-1"},
        cwd=project,
        text=True,
        capture_output=True,
        check=True,
        timeout=120,
    )
    requests = json.loads(sent.read_text())
    *others, framework = requests
    assert framework["AppSpecification"]["ContainerEntrypoint"] == [
        *("/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"),
    ]
    ours = request_of("experiment=framework", *GIVEN)
    differing = {re.split(r"[\[.]", where)[0] for where, *_ in differences(framework, ours)}
    assert differing == {"ProcessingInputs", "AppSpecification", "StoppingCondition"}
    for each in (framework, ours):
        del each["AppSpecification"]["ContainerEntrypoint"]
    assert framework["AppSpecification"] == ours["AppSpecification"]
    for request, name in zip(others, ("script", "processor", "pyspark"), strict=True):
        code = f"ProcessingInputs[{len(request['ProcessingInputs']) - 1}].S3Input.S3Uri"
        left = [
            (where, theirs)
            for where, theirs, _ in differences(request, EXPECTED[name])
            if not where.endswith(".AppManaged") and where != code and theirs != {}
        ]
        assert left == [], name
