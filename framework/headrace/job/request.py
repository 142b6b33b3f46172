"""The arguments of ``CreateProcessingJob``, made from the configuration; pure, no I/O.

Field by field what the SageMaker SDK 2.x sent for the same job. What is empty is left out: the
service refuses some empty lists.
Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.config.models import JobConfig, JobSettings
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
    """The exact arguments for boto3's ``create_processing_job``.

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
        "StoppingCondition": {"MaxRuntimeInSeconds": config.resources.limit_seconds},
        "AppSpecification": _app(image_uri, entrypoint, config),
        "Environment": dict(job.env),
        "NetworkConfig": _network(job),
        "RoleArn": role,
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
        "ExperimentConfig": dict(job.experiment_config),
    }
    return _filled(request)


def _input(entry: ProcessingInput) -> dict[str, Any]:
    distribution = "ShardedByS3Key" if entry.sharded else "FullyReplicated"
    if entry.query:
        source = {
            "DatasetDefinition": {
                "LocalPath": entry.container_path,
                "DataDistributionType": distribution,
                "InputMode": entry.mode,
                **entry.query,
            }
        }
    else:
        source = {
            "S3Input": {
                "S3Uri": entry.uri,
                "LocalPath": entry.container_path,
                "S3DataType": entry.kind,
                "S3InputMode": entry.mode,
                "S3DataDistributionType": distribution,
                "S3CompressionType": entry.compression,
            }
        }
    return {"InputName": entry.name, "AppManaged": entry.app_managed, **source}


def _outputs(outputs: Sequence[ProcessingOutput], job: JobSettings) -> dict[str, Any]:
    if not outputs:
        return {}
    key = job.output_kms_key or job.kms_key
    return _filled({"Outputs": [_output(entry) for entry in outputs], "KmsKeyId": key})


def _output(entry: ProcessingOutput) -> dict[str, Any]:
    made: dict[str, Any] = {"OutputName": entry.name, "AppManaged": entry.app_managed}
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
    if not job.subnets and not job.network_isolation and not job.encrypt_traffic:
        return {}
    return {
        **_filled({"EnableInterContainerTrafficEncryption": job.encrypt_traffic}),
        "EnableNetworkIsolation": job.network_isolation,
        **_filled({"VpcConfig": _filled(vpc)}),
    }


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


@dataclass(frozen=True)
class Channel:
    """One input or output of a request."""

    name: str
    uri: str
    container_path: str


@dataclass(frozen=True)
class RequestView:
    """A request as the rest reads it. What the raw request calls things is known here alone."""

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """The job's."""
        return str(self.raw["ProcessingJobName"])

    @property
    def image(self) -> str:
        """The URI of the image."""
        return str(self.raw["AppSpecification"]["ImageUri"])

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """The command; empty for the image's own."""
        return tuple(self.raw["AppSpecification"].get("ContainerEntrypoint", ()))

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the command."""
        return tuple(self.raw["AppSpecification"].get("ContainerArguments", ()))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the request sets."""
        return dict(self.raw.get("Environment", {}))

    @property
    def inputs(self) -> tuple[Channel, ...]:
        """The inputs that come from S3, or what stands for it."""
        return tuple(
            Channel(each["InputName"], each["S3Input"]["S3Uri"], each["S3Input"]["LocalPath"])
            for each in self.raw.get("ProcessingInputs", ())
            if "S3Input" in each
        )

    @property
    def outputs(self) -> tuple[Channel, ...]:
        """The outputs that go to S3, or what stands for it."""
        return tuple(
            Channel(each["OutputName"], each["S3Output"]["S3Uri"], each["S3Output"]["LocalPath"])
            for each in self.raw.get("ProcessingOutputConfig", {}).get("Outputs", ())
            if "S3Output" in each
        )

    @property
    def instance_count(self) -> int:
        """How many instances the job has."""
        return int(self._cluster.get("InstanceCount") or self._preferred.get("InstanceCount", 1))

    @property
    def instance_type(self) -> str:
        """Their type, as in ``ml.m5.xlarge``."""
        return str(self._cluster.get("InstanceType") or self._preferred["InstanceType"])

    @property
    def _cluster(self) -> dict[str, Any]:
        return dict(self.raw["ProcessingResources"]["ClusterConfig"])

    @property
    def _preferred(self) -> dict[str, Any]:
        return dict(next(iter(self._cluster.get("InstancePreferences", ())), {}))

    @property
    def limit_seconds(self) -> int | None:
        """When the job is stopped, in seconds after its start; None without such a limit."""
        limit = self.raw.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        return None if limit is None else int(limit)

    @property
    def kms_key(self) -> str | None:
        """The key that the outputs are encrypted with; None for the bucket's own."""
        key = self.raw.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        return None if key is None else str(key)
