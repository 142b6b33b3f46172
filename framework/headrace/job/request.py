"""Build the arguments of ``CreateProcessingJob`` from the configuration; pure, no I/O.

`RequestView` reads them: it lives in `headrace.aws`, below everything that reads a request.

Field by field what the SageMaker SDK 2.x sent for the same job. What is empty is left out: the
service refuses some empty lists.
Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.aws.request import InputChannel, OutputChannel, RequestView
from headrace.config.models import JobConfig, JobSettings
from headrace.errors import ConfigError, Problem
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput

__all__ = ["InputChannel", "OutputChannel", "RequestView", "build_request"]


def build_request(
    name: str,
    config: JobConfig,
    image_uri: str,
    role: str,
    entrypoint: Sequence[str],
    mapping: Mapping,
) -> dict[str, Any]:
    """Return the exact arguments for boto3's ``create_processing_job``.

    Args:
        name: The job's name.
        config: Everything that the user chose.
        image_uri: The image to run.
        role: ARN of the role that the job runs as.
        entrypoint: The command; empty for the image's own.
        mapping: All inputs and outputs.

    Raises:
        ConfigError: Only one of subnets and security groups is set; the service wants both.
    """
    job = config.job
    request = {
        "ProcessingJobName": name,
        "ProcessingInputs": [_input(entry) for entry in mapping.inputs],
        "ProcessingOutputConfig": _outputs(mapping.outputs, job),
        "ProcessingResources": {"ClusterConfig": _cluster(config)},
        "StoppingCondition": {"MaxRuntimeInSeconds": config.resources.max_runtime_minutes * 60},
        "AppSpecification": _app(image_uri, entrypoint, job),
        "Environment": dict(job.env),
        "NetworkConfig": _network(job),
        "RoleArn": role,
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
        "ExperimentConfig": dict(job.experiment_config),
    }
    return _filled(request)


def _input(entry: ProcessingInput) -> dict[str, Any]:
    return {
        "InputName": entry.name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": entry.uri,
            "LocalPath": entry.container_path,
            "S3DataType": entry.kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "ShardedByS3Key" if entry.sharded else "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _outputs(outputs: Sequence[ProcessingOutput], job: JobSettings) -> dict[str, Any]:
    return _filled({"Outputs": [_output(entry) for entry in outputs], "KmsKeyId": job.kms_key})


def _output(entry: ProcessingOutput) -> dict[str, Any]:
    return {
        "OutputName": entry.name,
        "AppManaged": False,
        "S3Output": {
            "S3Uri": entry.uri,
            "LocalPath": entry.container_path,
            "S3UploadMode": "Continuous" if entry.continuous else "EndOfJob",
        },
    }


def _cluster(config: JobConfig) -> dict[str, Any]:
    resources = config.resources
    return _filled(
        {
            "InstanceType": resources.instance_type,
            "InstanceCount": resources.instance_count,
            "VolumeSizeInGB": resources.volume_size_gb,
            "VolumeKmsKeyId": config.job.kms_key,
        }
    )


def _app(image_uri: str, entrypoint: Sequence[str], job: JobSettings) -> dict[str, Any]:
    return _filled(
        {
            "ImageUri": image_uri,
            "ContainerEntrypoint": list(entrypoint),
            "ContainerArguments": list(job.arguments),
        }
    )


def _network(job: JobSettings) -> dict[str, Any]:
    if bool(job.subnets) != bool(job.security_group_ids):
        missing = "job.security_group_ids" if job.subnets else "job.subnets"
        given = "job.subnets" if job.subnets else "job.security_group_ids"
        raise ConfigError([Problem(missing, f"this key is required beside {given}")])
    vpc = {"SecurityGroupIds": list(job.security_group_ids), "Subnets": list(job.subnets)}
    if not job.subnets and not job.network_isolation:
        return {}
    return {
        "EnableNetworkIsolation": job.network_isolation,
        **_filled({"VpcConfig": _filled(vpc)}),
    }


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}
