"""The request's every field, and the service model of botocore as the judge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

from headrace.aws.request import InputChannel, OutputChannel, RequestView
from headrace.config.dataset import DatasetConfig
from headrace.config.job_settings import JobSettings, ResourcesConfig
from headrace.config.models import (
    JobConfig,
    OutputConfig,
    ScriptConfig,
    TargetConfig,
    TransformConfig,
)
from headrace.errors import ConfigError
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput
from headrace.job.request import build_request

DATA = ProcessingInput("data", "s3://b/data", "/opt/ml/processing/input/data")
TRAIN = ProcessingOutput("train", "s3://b/out/train", "/opt/ml/processing/output/train")
ROLE = "arn:aws:iam::123456789012:role/processing"
MAPPING = Mapping((DATA,), (TRAIN,))
EVERYTHING = JobSettings(
    name="ctr",
    arguments=("--fast", "1"),
    experiment_config={"ExperimentName": "ctr", "RunName": "first"},
    env={"OMP_NUM_THREADS": "1"},
    tags={"team": "ads"},
    network_isolation=True,
    kms_key="arn:aws:kms:eu-west-1:123456789012:key/abc",
    subnets=("subnet-1", "subnet-2"),
    security_group_ids=("sg-1",),
    role=ROLE,
)


def config(job: JobSettings | None = None, **resources: Any) -> JobConfig:
    return JobConfig(
        backend=ScriptConfig(name="script"),
        target=TargetConfig(name="local"),
        dataset=DatasetConfig(path="/data", label=None),
        transform=TransformConfig(steps={"feature_hasher": None}),
        output=OutputConfig(path="/out"),
        resources=ResourcesConfig(**resources),
        job=job or JobSettings(),
    )


def request(
    job: JobSettings | None = None, mapping: Mapping = MAPPING, **resources: Any
) -> dict[str, Any]:
    return build_request("ctr", config(job, **resources), "image:1", ROLE, ("python3",), mapping)


@pytest.fixture(scope="module")
def shape() -> Shape:
    """The service's own description of the request."""
    model = botocore.session.Session().get_service_model("sagemaker")
    return model.operation_model("CreateProcessingJob").input_shape


def breaches(value: Any, shape: Shape, where: str = "") -> Iterator[str]:
    """Patterns, lengths and allowed values, which botocore's validator leaves to the service."""
    rules = shape.metadata
    if isinstance(shape, StructureShape):
        for key, child in value.items():
            yield from breaches(child, shape.members[key], f"{where}.{key}")
    elif isinstance(shape, ListShape):
        for number, child in enumerate(value):
            yield from breaches(child, shape.member, f"{where}[{number}]")
    elif isinstance(shape, MapShape):
        for key, child in value.items():
            yield from breaches(key, shape.key, f"{where} key")
            yield from breaches(child, shape.value, f"{where}.{key}")
    elif isinstance(value, str):
        # \p{…} is a class that re lacks; \w stands for it
        pattern = re.sub(r"\\p\{[LZN]\}", r"\\w", rules.get("pattern", ".*"))
        if not re.fullmatch(pattern, value):
            yield f"{where}: {value!r} does not match {pattern}"
        if rules.get("enum") and value not in rules["enum"]:
            yield f"{where}: {value!r} is not allowed"
    size = value if isinstance(value, int) else len(value)
    if not rules.get("min", 0) <= size <= rules.get("max", size):
        yield f"{where}: {size} is out of range"


@pytest.mark.parametrize("job", [JobSettings(), EVERYTHING])
def test_the_service_takes_it(shape: Shape, job: JobSettings) -> None:
    made = request(job)
    assert ParamValidator().validate(made, shape).generate_report() == ""
    assert list(breaches(made, shape)) == []


def test_the_judge_sees_what_is_wrong(shape: Shape) -> None:
    made = {**request(), "ProcessingJobName": "a_b", "RoleArn": "nobody"}
    assert len(list(breaches(made, shape))) == 3


def test_local_uris_alone_are_outside_the_services_pattern(shape: Shape) -> None:
    local = Mapping(
        (ProcessingInput("data", "file:///d", DATA.container_path),),
        (ProcessingOutput("train", "file:///o/train", TRAIN.container_path),),
    )
    found = list(breaches(request(mapping=local), shape))
    assert [breach.split(":")[0] for breach in found] == [
        ".ProcessingInputs[0].S3Input.S3Uri",
        ".ProcessingOutputConfig.Outputs[0].S3Output.S3Uri",
    ]


def test_everything_that_can_be_set() -> None:
    made = request(
        EVERYTHING,
        instance_type="ml.c5.xlarge",
        instance_count=3,
        volume_size_gb=7,
        max_runtime_minutes=2,
    )
    assert made["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 3,
        "VolumeSizeInGB": 7,
        "VolumeKmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/abc",
    }
    assert made["ProcessingOutputConfig"]["KmsKeyId"] == EVERYTHING.kms_key
    assert made["StoppingCondition"] == {"MaxRuntimeInSeconds": 120}
    assert made["AppSpecification"] == {
        "ImageUri": "image:1",
        "ContainerEntrypoint": ["python3"],
        "ContainerArguments": ["--fast", "1"],
    }
    assert made["Environment"] == {"OMP_NUM_THREADS": "1"}
    assert made["NetworkConfig"] == {
        "EnableNetworkIsolation": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    }
    assert made["RoleArn"] == "arn:aws:iam::123456789012:role/processing"
    assert made["Tags"] == [{"Key": "team", "Value": "ads"}]
    assert made["ExperimentConfig"] == {"ExperimentName": "ctr", "RunName": "first"}


def test_what_is_not_set_is_left_out() -> None:
    made = request()
    assert set(made) == {
        "ProcessingJobName",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "StoppingCondition",
        "AppSpecification",
        "RoleArn",
    }
    assert made["RoleArn"] == ROLE
    assert set(made["ProcessingOutputConfig"]) == {"Outputs"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [("subnets", "security_group_ids"), ("security_group_ids", "subnets")],
)
def test_a_vpc_takes_both(given: str, missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        request(JobSettings(**{given: ("x-1",)}))
    assert [str(problem) for problem in caught.value.problems] == [
        f"job.{missing}: this key is required beside job.{given}"
    ]


def clash(*entries: ProcessingInput | ProcessingOutput) -> list[str]:
    inputs = tuple(entry for entry in entries if isinstance(entry, ProcessingInput))
    outputs = tuple(entry for entry in entries if isinstance(entry, ProcessingOutput))
    with pytest.raises(ConfigError) as caught:
        Mapping(inputs, outputs)
    return [str(problem).removeprefix("transform.steps: ") for problem in caught.value.problems]


def test_two_outputs_of_one_name() -> None:
    other = ProcessingOutput("train", "s3://b/out/x", "/opt/ml/processing/output/x")
    assert clash(DATA, TRAIN, other) == ["2 outputs are called 'train'"]


def test_a_name_that_is_none() -> None:
    output = ProcessingOutput("a/b", "s3://b/out/x", "/opt/ml/processing/output/x")
    assert clash(DATA, output) == [
        "'a/b' cannot name an output; allowed: letters, digits, '-' and '_', at most 63, "
        "a letter or digit first"
    ]


def test_more_outputs_than_the_service_takes() -> None:
    outputs = [
        ProcessingOutput(f"c{n}", f"s3://b/{n}", f"/opt/ml/processing/output/c{n}")
        for n in range(11)
    ]
    assert clash(*outputs) == ["a job has at most 10 outputs (got 11)"]


def test_folders_of_the_container_in_one_another() -> None:
    output = ProcessingOutput("out", "s3://b/out", "/opt/ml/processing/input/data/out")
    assert clash(DATA, output) == [
        "'data' at '/opt/ml/processing/input/data' and 'out' at "
        "'/opt/ml/processing/input/data/out' share a folder of the container"
    ]


@pytest.mark.parametrize(
    "path", ["/opt/ml/model", "/opt/ml/processing", "/opt/ml/processing/../model", "output"]
)
def test_a_path_that_the_service_does_not_allow(path: str) -> None:
    assert clash(ProcessingOutput("out", "s3://b/out", path)) == [
        f"'out' is at {path!r}, which is not under /opt/ml/processing/"
    ]


def test_destinations_in_one_another() -> None:
    other = ProcessingOutput("all", "s3://b/out", "/opt/ml/processing/output/all")
    assert clash(DATA, TRAIN, other) == [
        "the outputs 'train' to 's3://b/out/train' and 'all' to 's3://b/out' share a destination"
    ]


def test_an_output_over_an_input() -> None:
    output = ProcessingOutput("out", "s3://b/data/out", "/opt/ml/processing/output/out")
    assert clash(DATA, output) == [
        "the output 'out' to 's3://b/data/out' and the input 'data' from 's3://b/data' "
        "share a place"
    ]


def test_names_that_only_begin_alike_do_not_clash() -> None:
    other = ProcessingOutput("train2", "s3://b/out/train2", "/opt/ml/processing/output/train2")
    assert Mapping((DATA,), (TRAIN, other)).outputs == (TRAIN, other)


def test_the_view_shows_everything_that_a_request_says() -> None:
    view = RequestView(request(EVERYTHING, instance_count=2, max_runtime_minutes=3))
    assert (view.name, view.image, view.role) == ("ctr", "image:1", ROLE)
    assert (view.entrypoint, view.arguments) == (("python3",), ("--fast", "1"))
    assert view.inputs == (InputChannel("data", DATA.uri, DATA.container_path),)
    assert view.outputs == (OutputChannel("train", TRAIN.uri, TRAIN.container_path),)
    assert (view.instance_count, view.instance_type) == (2, "ml.m5.xlarge")
    assert (view.volume_size_gb, view.limit_seconds) == (30, 180)
    assert view.kms_key == view.volume_kms_key == EVERYTHING.kms_key
    assert view.environment == {"OMP_NUM_THREADS": "1"}
    assert (view.network_isolation, view.subnets) == (True, ("subnet-1", "subnet-2"))
    assert view.security_group_ids == ("sg-1",)
    assert (view.tags, view.experiment) == ({"team": "ads"}, EVERYTHING.experiment_config)


def test_the_view_of_an_answer_that_says_little() -> None:
    """Others' jobs read from Athena, and write to the Feature Store."""
    view = RequestView(
        {
            "ProcessingJobName": "theirs",
            "ProcessingInputs": [{"InputName": "table", "DatasetDefinition": {}}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "x", "FeatureStoreOutput": {}}]},
        }
    )
    assert view.inputs == (InputChannel("table", "", "", is_s3=False),)
    assert view.outputs == (OutputChannel("x", "", "", is_s3=False),)
    assert (view.image, view.role, view.entrypoint, view.arguments) == ("", "", (), ())
    assert (view.instance_count, view.instance_type, view.volume_size_gb) == (1, "", 0)
    assert (view.limit_seconds, view.kms_key, view.volume_kms_key) == (None, None, None)
    assert (view.network_isolation, view.subnets, view.security_group_ids) == (False, (), ())
    assert (view.environment, view.tags, view.experiment) == ({}, {}, {})
