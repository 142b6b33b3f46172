"""Read the arguments of ``CreateProcessingJob``; no other module knows the names of their fields.

`headrace.job.request` builds them.
Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import Strict
from typing_extensions import TypedDict

from headrace.config.problems import suggest
from headrace.errors import ConfigError, Problem
from headrace.runtime.shown import quoted
from headrace.uris import S3

ATHENA = "AthenaDatasetDefinition"
REDSHIFT = "RedshiftDatasetDefinition"
S3_PREFIX = "S3Prefix"
LOCAL_ROLE = "arn:aws:iam::000000000000:role/headrace-local"
"""Stands in for a role where nothing checks it: the request must have one."""


_Text = Annotated[str, Strict()]


class _Place(TypedDict):
    S3Uri: _Text
    LocalPath: NotRequired[_Text]


class _Input(TypedDict):
    InputName: _Text
    S3Input: NotRequired[_Place]


class _Output(TypedDict):
    OutputName: _Text
    S3Output: NotRequired[_Place]


class _Outputs(TypedDict, total=False):
    Outputs: list[_Output]


class _Application(TypedDict, total=False):
    ImageUri: _Text


class ReadableRequest(TypedDict, total=False):
    """Types of the fields that the pages of a result show; a file may hold anything."""

    ProcessingJobName: _Text
    RoleArn: _Text
    AppSpecification: _Application
    ProcessingInputs: list[_Input]
    ProcessingOutputConfig: _Outputs


@dataclass(frozen=True)
class InputChannel:
    """An input as a request has it."""

    name: str
    uri: str
    container_path: str
    kind: str = S3_PREFIX
    """``S3Prefix`` or ``ManifestFile``."""
    mode: str = "File"
    """``File`` or ``Pipe``."""
    distribution: str = "FullyReplicated"
    """``FullyReplicated``, or ``ShardedByS3Key`` for a share of the files on each instance."""
    compression: str = "None"
    """``None`` or ``Gzip``."""
    is_s3: bool = True
    """False for what Athena or Redshift hold; this has no URI."""

    @property
    def is_sharded(self) -> bool:
        """Return whether each instance gets its share of the files instead of all of them."""
        return self.distribution == "ShardedByS3Key"


@dataclass(frozen=True)
class OutputChannel:
    """An output as a request has it."""

    name: str
    uri: str
    container_path: str
    upload_mode: str = "EndOfJob"
    """``EndOfJob`` or ``Continuous``."""
    is_s3: bool = True
    """False for what goes to the Feature Store; this has no URI."""


@dataclass(frozen=True)
class RequestView:
    """A request for reading. No other module knows the names that the service uses.

    The answer of ``DescribeProcessingJob`` has the same fields and is read by the same view, so
    what is missing has a default.
    """

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """Return the name of the job."""
        return str(self.raw.get("ProcessingJobName", ""))

    @property
    def image(self) -> str:
        """Return the URI of the image."""
        return str(self._application.get("ImageUri", ""))

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """Return the command; empty for the image's own."""
        return tuple(self._application.get("ContainerEntrypoint", ()))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return what follows the command."""
        return tuple(self._application.get("ContainerArguments", ()))

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that the request sets."""
        return dict(self.raw.get("Environment", {}))

    @property
    def role(self) -> str:
        """Return the ARN of the role that the job runs as."""
        return str(self.raw.get("RoleArn", ""))

    @property
    def is_of_this_machine(self) -> bool:
        """Return whether it was made for a target that needs no account, as far as it tells."""
        return self.role == LOCAL_ROLE or any(not each.uri.startswith(S3) for each in self.outputs)

    @property
    def inputs(self) -> tuple[InputChannel, ...]:
        """Return all inputs."""
        return tuple(_input_channel(entry) for entry in self.raw.get("ProcessingInputs", ()))

    @property
    def outputs(self) -> tuple[OutputChannel, ...]:
        """Return all outputs."""
        return tuple(_output_channel(entry) for entry in self._output_config.get("Outputs", ()))

    @property
    def input_fields(self) -> tuple[dict[str, Any], ...]:
        """Return all inputs, with what they say and nothing that they do not."""
        return tuple(self.raw.get("ProcessingInputs", ()))

    @property
    def output_fields(self) -> tuple[dict[str, Any], ...]:
        """Return all outputs, with what they say and nothing that they do not."""
        return tuple(self._output_config.get("Outputs", ()))

    @property
    def cluster_fields(self) -> dict[str, Any]:
        """Return what the request says of its instances."""
        return self._cluster

    @property
    def network_fields(self) -> dict[str, Any]:
        """Return what the request says of its network."""
        return self._network

    @property
    def queries(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Return the queries that make inputs: `ATHENA` or `REDSHIFT`, and what it is asked."""
        definitions = [
            entry.get("DatasetDefinition", {}) for entry in self.raw.get("ProcessingInputs", ())
        ]
        return tuple(
            (kind, definition[kind])
            for definition in definitions
            for kind in (ATHENA, REDSHIFT)
            if kind in definition
        )

    @property
    def feature_groups(self) -> tuple[str, ...]:
        """Return the feature groups that get outputs."""
        entries = self._output_config.get("Outputs", ())
        stores = [entry["FeatureStoreOutput"] for entry in entries if "FeatureStoreOutput" in entry]
        return tuple(store["FeatureGroupName"] for store in stores)

    @property
    def kms_key(self) -> str | None:
        """Return the key that the outputs are encrypted with; None for the bucket's own."""
        return self._output_config.get("KmsKeyId")

    @property
    def instance_count(self) -> int:
        """Return the number of instances."""
        return int(self._cluster.get("InstanceCount") or self._preferred.get("InstanceCount", 1))

    @property
    def instance_type(self) -> str:
        """Return the type of the instances, as in ``ml.m5.xlarge``."""
        return str(self._cluster.get("InstanceType") or self._preferred.get("InstanceType", ""))

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Return all types that the instances may have, in the order in which they are tried."""
        preferred = self._cluster.get("InstancePreferences", ())
        return tuple(each["InstanceType"] for each in preferred) or (self.instance_type,)

    @property
    def volume_size_gb(self) -> int:
        """Return the size of each instance's disk in GB."""
        return int(self._cluster.get("VolumeSizeInGB", 0))

    @property
    def volume_kms_key(self) -> str | None:
        """Return the key that the disks are encrypted with; None for the service's own."""
        return self._cluster.get("VolumeKmsKeyId")

    @property
    def limit_seconds(self) -> int | None:
        """Return after how many seconds the job is stopped; None without such a limit."""
        limit = self.raw.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        return None if limit is None else int(limit)

    @property
    def network_isolation(self) -> bool:
        """Return whether the containers can reach no network."""
        return bool(self._network.get("EnableNetworkIsolation", False))

    @property
    def encrypts_traffic(self) -> bool:
        """Return whether what instances send to each other is encrypted."""
        return bool(self._network.get("EnableInterContainerTrafficEncryption", False))

    @property
    def subnets(self) -> tuple[str, ...]:
        """Return the IDs of the subnets that the instances join; empty for SageMaker's own."""
        return tuple(self._network.get("VpcConfig", {}).get("Subnets", ()))

    @property
    def security_group_ids(self) -> tuple[str, ...]:
        """Return the IDs of the instances' security groups; empty without subnets."""
        return tuple(self._network.get("VpcConfig", {}).get("SecurityGroupIds", ()))

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of the job."""
        return {tag["Key"]: tag["Value"] for tag in self.raw.get("Tags", ())}

    @property
    def experiment(self) -> dict[str, str]:
        """Return the SageMaker experiment that the job belongs to; empty for none."""
        return dict(self.raw.get("ExperimentConfig", {}))

    @property
    def _application(self) -> dict[str, Any]:
        return dict(self.raw.get("AppSpecification", {}))

    @property
    def _output_config(self) -> dict[str, Any]:
        return dict(self.raw.get("ProcessingOutputConfig", {}))

    @property
    def _cluster(self) -> dict[str, Any]:
        return dict(self.raw.get("ProcessingResources", {}).get("ClusterConfig", {}))

    @property
    def _preferred(self) -> dict[str, Any]:
        return dict(next(iter(self._cluster.get("InstancePreferences", ())), {}))

    @property
    def _network(self) -> dict[str, Any]:
        return dict(self.raw.get("NetworkConfig", {}))


def meaning(request: RequestView, output: str) -> dict[str, Any]:
    """Return what a request says that is the same in every run of a job.

    Args:
        request: The request.
        output: URI of the place that the job writes to, which may differ from run to run.

    Returns:
        The request without the name of the job, and with places below `output` as paths below it.
    """
    without = {key: value for key, value in request.raw.items() if key != "ProcessingJobName"}
    return dict(_relative(without, output))


def step_arguments(request: RequestView) -> dict[str, Any]:
    """Return a request as the step of a SageMaker pipeline has it, which names the job itself.

    Source: `sagemaker.mlops.workflow.steps.ProcessingStep` of SDK 3, which cuts the experiment so.
    """
    arguments = {key: value for key, value in request.raw.items() if key != "ProcessingJobName"}
    shown = arguments.pop("ExperimentConfig", {})
    display = {key: value for key, value in shown.items() if key == "TrialComponentDisplayName"}
    return {**arguments, **({"ExperimentConfig": display} if display else {})}


def with_sources(arguments: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments in which some inputs come from elsewhere.

    Args:
        arguments: Of ``CreateProcessingJob``.
        sources: Name of an input → what takes the place of its URI.

    Raises:
        ConfigError: There is no such input.
    """
    view = RequestView(dict(arguments))
    names = [entry["InputName"] for entry in view.input_fields if "S3Input" in entry]
    if unknown := [name for name in sources if name not in names]:
        what = f"the job has no input {quoted(unknown[0])}; {suggest(unknown[0], names)}"
        raise ConfigError([Problem("inputs", what)])
    inputs = [
        {**entry, "S3Input": {**entry["S3Input"], "S3Uri": sources[entry["InputName"]]}}
        if entry["InputName"] in sources
        else entry
        for entry in view.input_fields
    ]
    return {**arguments, **({"ProcessingInputs": inputs} if inputs else {})}


def _relative(value: Any, output: str) -> Any:
    if isinstance(value, dict):
        return {key: _relative(each, output) for key, each in value.items()}
    if isinstance(value, list):
        return [_relative(each, output) for each in value]
    is_below = isinstance(value, str) and value.startswith(f"{output}/")
    return value.removeprefix(output) if is_below else value


def _input_channel(entry: dict[str, Any]) -> InputChannel:
    source = entry.get("S3Input")
    if source is None:
        return InputChannel(entry["InputName"], "", "", is_s3=False)
    return InputChannel(
        entry["InputName"],
        source["S3Uri"],
        source.get("LocalPath", ""),
        kind=source.get("S3DataType", InputChannel.kind),
        mode=source.get("S3InputMode", InputChannel.mode),
        distribution=source.get("S3DataDistributionType", InputChannel.distribution),
        compression=source.get("S3CompressionType", InputChannel.compression),
    )


def _output_channel(entry: dict[str, Any]) -> OutputChannel:
    place = entry.get("S3Output")
    if place is None:
        return OutputChannel(entry["OutputName"], "", "", is_s3=False)
    mode = place.get("S3UploadMode", OutputChannel.upload_mode)
    return OutputChannel(entry["OutputName"], place["S3Uri"], place.get("LocalPath", ""), mode)
