"""Build the arguments of ``CreateProcessingJob`` from the configuration; pure, no I/O.

`headrace.aws.request.RequestView` reads them.

Field by field what the SageMaker SDK 2.x sent for the same job. What is empty is left out: the
service refuses some empty lists.
Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.config.job_settings import JobSettings
from headrace.config.models import JobConfig
from headrace.errors import ConfigError, Problem
from headrace.job.mapping import Mapping, ProcessingInput, ProcessingOutput


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
        "StoppingCondition": _given({"MaxRuntimeInSeconds": config.resources.limit_seconds}),
        "AppSpecification": _app(image_uri, entrypoint, config),
        "Environment": dict(job.env),
        "NetworkConfig": _network(job),
        "RoleArn": role,
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
        "ExperimentConfig": dict(job.experiment_config),
    }
    return _filled(request)


def _input(entry: ProcessingInput) -> dict[str, Any]:
    distribution = {None: None, True: "ShardedByS3Key", False: "FullyReplicated"}[entry.sharded]
    source: dict[str, Any]
    if entry.query:
        source = {
            "DatasetDefinition": _given(
                {
                    "LocalPath": entry.container_path,
                    "DataDistributionType": distribution,
                    "InputMode": entry.mode,
                    **entry.query,
                }
            )
        }
    else:
        source = {
            "S3Input": _given(
                {
                    "S3Uri": entry.uri,
                    "LocalPath": entry.container_path,
                    "S3DataType": entry.kind,
                    "S3InputMode": entry.mode,
                    "S3DataDistributionType": distribution,
                    "S3CompressionType": entry.compression,
                }
            )
        }
    return _given({"InputName": entry.name, "AppManaged": entry.app_managed, **source})


def _outputs(outputs: Sequence[ProcessingOutput], job: JobSettings) -> dict[str, Any]:
    if not outputs:
        return {}
    key = job.output_kms_key or job.kms_key
    return _filled({"Outputs": [_output(entry) for entry in outputs], "KmsKeyId": key})


def _output(entry: ProcessingOutput) -> dict[str, Any]:
    made = _given({"OutputName": entry.name, "AppManaged": entry.app_managed})
    if entry.uri:
        made["S3Output"] = {
            "S3Uri": entry.uri,
            "LocalPath": entry.container_path,
            "S3UploadMode": "Continuous" if entry.continuous else "EndOfJob",
        }
    if entry.feature_group:
        made["FeatureStoreOutput"] = {"FeatureGroupName": entry.feature_group}
    return made


def _cluster(config: JobConfig) -> dict[str, Any]:
    resources, job = config.resources, config.job
    preferences = resources.instance_preferences
    has_counts = any(each.instance_count for each in preferences)
    return _filled(
        {
            "InstanceType": None if preferences else resources.instance_type,
            "InstanceCount": None if has_counts else resources.instance_count,
            "InstancePreferences": [
                _filled({"InstanceType": each.instance_type, "InstanceCount": each.instance_count})
                for each in preferences
            ],
            "VolumeSizeInGB": resources.volume_size_gb,
            "VolumeKmsKeyId": job.volume_kms_key or job.kms_key,
        }
    )


def _app(image_uri: str, entrypoint: Sequence[str], config: JobConfig) -> dict[str, Any]:
    return _filled(
        {
            "ImageUri": image_uri,
            "ContainerEntrypoint": list(entrypoint),
            "ContainerArguments": [*config.program.words, *config.job.arguments],
        }
    )


def _network(job: JobSettings) -> dict[str, Any]:
    if bool(job.subnets) != bool(job.security_group_ids):
        missing = "job.security_group_ids" if job.subnets else "job.subnets"
        given = "job.subnets" if job.subnets else "job.security_group_ids"
        raise ConfigError([Problem(missing, f"this key is required beside {given}")])
    vpc = {"SecurityGroupIds": list(job.security_group_ids), "Subnets": list(job.subnets)}
    if not job.subnets and job.network_isolation is None and job.encrypt_traffic is None:
        return {}
    return {
        **_given({"EnableInterContainerTrafficEncryption": job.encrypt_traffic}),
        "EnableNetworkIsolation": bool(job.network_isolation),
        **_filled({"VpcConfig": _filled(vpc)}),
    }


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
