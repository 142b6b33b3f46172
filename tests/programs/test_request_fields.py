"""Every field of ``CreateProcessingJob`` can be set, or docs/request-fields.md says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from headrace.config.defaults import PROJECT
from headrace.job.inputs import DataInput
from tests.programs.jobs import made, plan

PAGE = (PROJECT / "docs" / "request-fields.md").read_text(encoding="utf-8")
ROLE = "arn:aws:iam::123456789012:role/processing"
QUERY = {
    "database": "logs",
    "query_string": "select 1",
    "output_s3_uri": "s3://bucket/query",
    "kms_key_id": "key-1",
}
ATHENA = {
    **QUERY,
    "catalog": "AwsDataCatalog",
    "work_group": "primary",
    "output_format": "PARQUET",
    "output_compression": "SNAPPY",
}
REDSHIFT = {
    **QUERY,
    "output_s3_uri": "s3://bucket/other",
    "cluster_id": "one",
    "db_user": "me",
    "cluster_role_arn": ROLE,
    "output_format": "CSV",
    "output_compression": "GZIP",
}
INPUTS = {
    "logs": {
        "path": "s3://bucket/logs/",
        "at": "/opt/ml/processing/logs",
        "sharded": True,
        "mode": "Pipe",
        "compression": "Gzip",
        "app_managed": True,
    },
    "list": {"path": "s3://bucket/list.json", "data_type": "ManifestFile"},
    "athena": {"athena": ATHENA},
    "redshift": {"redshift": REDSHIFT, "mode": "Pipe", "sharded": True},
}
OUTPUTS = {
    "train": {"path": "s3://elsewhere/train", "upload": "Continuous", "app_managed": True},
    "features": {"feature_group": "ctr", "app_managed": True},
}
SETTINGS = {
    "name": "mine",
    "arguments": ["--fast"],
    "experiment_config": {
        "ExperimentName": "ctr",
        "TrialName": "first",
        "TrialComponentDisplayName": "it",
        "RunName": "one",
    },
    "env": {"STAGE": "test"},
    "tags": {"team": "ads"},
    "network_isolation": True,
    "encrypt_traffic": True,
    "volume_kms_key": "key-2",
    "output_kms_key": "key-3",
    "subnets": ["subnet-1"],
    "security_group_ids": ["sg-1"],
    "role": ROLE,
}
PREFERENCES = [
    {"instance_type": "ml.m5.xlarge", "instance_count": 2},
    {"instance_type": "ml.c5.xlarge"},
]


def request(**resources: Any) -> dict[str, Any]:
    """A request with everything that can be set, but for what excludes each other."""
    wanted = plan(
        backend={"name": "processor", "image_uri": "mine:1"},
        program={"name": "image", "entrypoint": ["/bin/tool"]},
        inputs=INPUTS,
        outputs=OUTPUTS,
        output={"path": "s3://bucket/out"},
        job=SETTINGS,
        resources=resources,
    )
    found = {
        "logs": DataInput("s3://bucket/logs/"),
        "list": DataInput("s3://bucket/list.json"),
    }
    return made(wanted, found).request


REQUESTS = [request(max_runtime_seconds=90), request(instance_preferences=PREFERENCES)]


def model() -> StructureShape:
    service = botocore.session.Session().get_service_model("sagemaker")
    shape = service.operation_model("CreateProcessingJob").input_shape
    assert isinstance(shape, StructureShape)
    return shape


def fields(shape: Shape, where: str = "") -> Iterator[str]:
    """Yield every field that is no structure; a mapping is one field."""
    if isinstance(shape, StructureShape):
        for key, member in shape.members.items():
            yield from fields(member, f"{where}.{key}" if where else key)
    elif isinstance(shape, ListShape):
        yield from fields(shape.member, f"{where}[]")
    else:
        yield where


def set_fields(value: Any, where: str = "") -> Iterator[str]:
    """Yield the fields that a request sets."""
    if isinstance(value, dict) and where != "Environment":
        for key, member in value.items():
            yield from set_fields(member, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for member in value:
            yield from set_fields(member, f"{where}[]")
    else:
        yield where


def listed(text: str) -> set[str]:
    """The fields in the first column of a page's tables."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


def test_every_field_is_set_or_refused_for_a_reason() -> None:
    settable, _, refused = PAGE.partition("\n## Refused\n")
    known = set(fields(model()))
    assert {name for made in REQUESTS for name in set_fields(made)} == known - listed(refused)
    assert listed(settable) == known - listed(refused)
    assert listed(refused) <= known


def test_every_key_that_the_page_names_is_one() -> None:
    from headrace.cli.actions.schema import schema

    text = str(schema())
    rows = [line.split(" | ")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    for key in {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)}:
        assert f"'{key.rpartition('.')[2]}'" in text, key


def test_the_service_takes_the_requests() -> None:
    for made_request in REQUESTS:
        report = ParamValidator().validate(made_request, model())
        assert report.generate_report() == ""


def test_what_excludes_each_other_is_sent_apart() -> None:
    one, other = (each["ProcessingResources"]["ClusterConfig"] for each in REQUESTS)
    assert (one["InstanceType"], one["InstanceCount"]) == ("ml.m5.xlarge", 1)
    assert other["InstancePreferences"] == [
        {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
        {"InstanceType": "ml.c5.xlarge"},
    ]
    assert not {"InstanceType", "InstanceCount"} & other.keys()
    assert [each["StoppingCondition"] for each in REQUESTS] == [
        {"MaxRuntimeInSeconds": 90},
        {"MaxRuntimeInSeconds": 7200},
    ]


def test_a_query_is_an_input() -> None:
    query = next(
        each["DatasetDefinition"]
        for each in REQUESTS[0]["ProcessingInputs"]
        if each["InputName"] == "athena"
    )
    assert query == {
        "LocalPath": "/opt/ml/processing/input/athena",
        "DataDistributionType": "FullyReplicated",
        "InputMode": "File",
        "AthenaDatasetDefinition": {
            "Catalog": "AwsDataCatalog",
            "Database": "logs",
            "QueryString": "select 1",
            "WorkGroup": "primary",
            "OutputS3Uri": "s3://bucket/query",
            "KmsKeyId": "key-1",
            "OutputFormat": "PARQUET",
            "OutputCompression": "SNAPPY",
        },
    }
