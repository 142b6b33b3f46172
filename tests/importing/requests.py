"""Requests of Processing jobs, as different clients send them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from headrace.backends import backend_of
from headrace.config import defaults
from headrace.config.compose import compose
from headrace.config.hydra import session
from headrace.importing.importing import Configuration, configuration_of
from headrace.importing.request_file import checked, differences
from headrace.job import inputs
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.programs import program_of

TESTS = Path(__file__).parents[1]
GOLDEN = sorted(TESTS.glob("*/golden/*.json"))
ROLE = "arn:aws:iam::123456789012:role/processing"
SKLEARN = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
BY_HAND: dict[str, Any] = {
    "ProcessingJobName": "by-hand",
    "AppSpecification": {
        "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1",
        "ContainerEntrypoint": ["/bin/bash", "-c", "exec tool --all \"$1\" '${x}' \\${y}"],
        "ContainerArguments": ["a b", 'say "hi"', "it's", "--n=1e5", "007", "", "true", "null"],
    },
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": 50,
        }
    },
    "RoleArn": ROLE,
    "ProcessingInputs": [
        {
            "InputName": "rows",
            "S3Input": {
                "S3Uri": "s3://bucket/rows",
                "LocalPath": "/opt/ml/processing/rows",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "result",
                "S3Output": {
                    "S3Uri": "s3://bucket/elsewhere/",
                    "LocalPath": "/opt/ml/processing/out",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
    "Environment": {"WHEN": "2014-10-21", "EMPTY": "", "YES": "yes", "LINK": "${oc.env:HOME}"},
}


def golden(path: Path) -> dict[str, Any]:
    """Return a golden request; what lies on this machine lies on S3 instead."""
    made: dict[str, Any] = json.loads(path.read_text().replace("file:///", "s3://bucket/"))
    return made


def changed(request: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a request with other values of some fields; without those that are None."""
    made = {**deepcopy(request), **fields}
    return {key: value for key, value in made.items() if value is not None}


def imported(request: dict[str, Any]) -> Configuration:
    """Return the configuration that import finds."""
    return configuration_of(checked(request, "from"), "request.json")


def request_of(*overrides: str) -> dict[str, Any]:
    """Return the request of a configuration, without a look at what it names."""
    with defaults.run_folder_is("/run/folder"):
        plan = compose(session.composed(overrides))
    config = plan.config
    found = {
        name: inputs.resolve_whole(each.path, name)
        for name, each in config.inputs.items()
        if each.path is not None
    }
    backend, program = backend_of(config.backend), program_of(plan)
    return compile_job(plan, backend, program, found, "again", NoAccount(config)).request


def apart(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return every field in which two requests differ, the job's name aside."""
    return list(differences(one, other))
