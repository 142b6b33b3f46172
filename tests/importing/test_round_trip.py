"""Request → configuration → request: the same, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headrace.importing.importing import compiled
from headrace.look import conf_file
from tests.importing.requests import (
    BY_HAND,
    GOLDEN,
    ROLE,
    SKLEARN,
    apart,
    changed,
    golden,
    imported,
    request_of,
)
from tests.programs.test_request_fields import REQUESTS

CASES: dict[str, dict[str, Any]] = {
    **{f"{path.parent.parent.name}-{path.stem}": golden(path) for path in GOLDEN},
    "every-field": REQUESTS[0],
    "preferences": REQUESTS[1],
    "by-hand": BY_HAND,
    "as-little-as-can-be": {
        "ProcessingJobName": "x",
        "AppSpecification": {"ImageUri": "mine:1"},
        "ProcessingResources": BY_HAND["ProcessingResources"],
        "RoleArn": ROLE,
    },
    "network": changed(
        BY_HAND,
        NetworkConfig={
            "EnableInterContainerTrafficEncryption": False,
            "EnableNetworkIsolation": False,
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        },
    ),
    "no-isolation": changed(BY_HAND, NetworkConfig={"EnableNetworkIsolation": False}),
    "odd-seconds": changed(BY_HAND, StoppingCondition={"MaxRuntimeInSeconds": 61}),
    "an-output-below-an-input": changed(
        BY_HAND,
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "rows2",
                    "S3Output": {
                        "S3Uri": "s3://bucket/rows2",
                        "LocalPath": "/opt/ml/processing/output/rows2",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    ),
}


def written(request: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    conf_file.write("experiment", "mine", imported(request).yaml("mine", "headrace"))


@pytest.mark.parametrize("case", CASES)
def test_the_same_request(case: str) -> None:
    found = imported(CASES[case])
    assert apart(CASES[case], compiled(found.settings)) == []
    assert not [note for note in found.notes if note.startswith(("Not", "Added", "Changed"))]


@pytest.mark.parametrize("case", CASES)
def test_the_same_request_of_the_written_file(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(CASES[case], tmp_path, monkeypatch)
    assert apart(CASES[case], request_of("experiment=mine")) == []


def test_all_golden_requests_are_there() -> None:
    assert len(GOLDEN) >= 8


@pytest.mark.parametrize(
    ("case", "backend", "program"),
    [
        ("programs-script_sklearn", "sklearn", "script"),
        ("programs-script_script", "script", "script"),
        ("programs-script_pyspark", "pyspark", "script"),
        ("programs-image_processor", "processor", "image"),
        ("job-sklearn", "sklearn", "script"),
        ("job-pyspark", "pyspark", "image"),
        ("job-processor", "processor", "image"),
        ("by-hand", "processor", "image"),
    ],
)
def test_the_backend_and_the_program(case: str, backend: str, program: str) -> None:
    settings = imported(CASES[case]).settings
    assert (settings.backend, settings.program) == (backend, program)


def script_request(**fields: Any) -> dict[str, Any]:
    code = {
        "InputName": "code",
        "AppManaged": False,
        "S3Input": {
            "S3Uri": "s3://bucket/code/fit.py",
            "LocalPath": "/opt/ml/processing/input/code",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }
    application = {
        "ImageUri": SKLEARN,
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/fit.py"],
    }
    return changed(BY_HAND, ProcessingInputs=[code], AppSpecification=application) | fields


@pytest.mark.parametrize(
    ("uri", "entrypoint", "program"),
    [
        ("s3://bucket/code/fit.py", ["python3"], {"path": "s3://bucket/code/fit.py"}),
        ("s3://bucket/code/", ["python3"], {"path": "s3://bucket/code/", "entry": "fit.py"}),
        (
            "s3://bucket/code/fit.py",
            ["python3", "-u"],
            {"path": "s3://bucket/code/fit.py", "command": ["python3", "-u"]},
        ),
        # a prefix without a slash at its end is no folder: the code is an input as it is
        (
            "s3://bucket/code",
            ["python3"],
            {"entrypoint": ["python3", "/opt/ml/processing/input/code/fit.py"]},
        ),
    ],
)
def test_the_script_stays_where_it_is(
    uri: str, entrypoint: list[str], program: dict[str, Any]
) -> None:
    request = script_request()
    request["ProcessingInputs"][0]["S3Input"]["S3Uri"] = uri
    words = request["AppSpecification"]["ContainerEntrypoint"]
    words[:-1] = entrypoint
    settings = imported(request).settings
    assert settings.values["program"] == program
    assert apart(request, compiled(settings)) == []


def test_code_that_is_not_the_last_input_is_an_input() -> None:
    request = script_request()
    request["ProcessingInputs"].append(BY_HAND["ProcessingInputs"][0])
    settings = imported(request).settings
    assert (settings.backend, settings.program) == ("processor", "image")
    assert apart(request, compiled(settings)) == []


def test_words_that_sparks_image_would_hand_to_a_shell() -> None:
    request = script_request()
    request["AppSpecification"] = {
        "ImageUri": "mine:1",
        "ContainerEntrypoint": ["smspark-submit", "/opt/ml/processing/input/code/fit.py"],
        "ContainerArguments": ["a b"],
    }
    settings = imported(request).settings
    assert (settings.backend, settings.program) == ("processor", "image")
    assert apart(request, compiled(settings)) == []
    request["AppSpecification"]["ContainerArguments"] = ["ab"]
    settings = imported(request).settings
    assert (settings.backend, settings.program) == ("pyspark", "script")
    assert apart(request, compiled(settings)) == []
