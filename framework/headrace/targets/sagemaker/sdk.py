"""One job handed to SageMaker by its SDK: submitted once, exactly as the request says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.aws.clients import AwsError, client, session

if TYPE_CHECKING:
    from sagemaker.core.helper.session_helper import Session

CODE = "code"
OWN_DEFAULTS = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
"""Stands in for the files of defaults that the SDK would read: they would change the request, and
without this the SDK reports every call to its makers."""


def submit(request: dict[str, Any], region: str) -> None:
    """Create the job; does not wait.

    The SDK's classes build a request of their own from ours. What is sent is ours, whatever they
    add (a Studio project's tags, say): what ``action=plan`` showed is what runs.

    Args:
        request: The arguments of ``CreateProcessingJob``; what its inputs name is in its place.
        region: AWS region.

    Raises:
        botocore.exceptions.ClientError: The service refused it.
    """
    sagemaker = client("sagemaker", region)
    sagemaker.meta.events.register(
        "provide-client-params.sagemaker.CreateProcessingJob", lambda **_: request
    )
    try:
        run(request, sagemaker, region)
    except AwsError:
        # The answer may have got lost where the request did not; botocore then asks again, and
        # hears that the name is taken.
        if not _is_there(request, sagemaker):
            raise


def run(request: dict[str, Any], sagemaker: Any, region: str) -> None:
    """Have the SDK create a job through a client of ours."""
    with quiet():
        from sagemaker.core.helper.session_helper import Session

        process(request, Session(session(region), sagemaker, sagemaker_config=OWN_DEFAULTS))


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the SDK and what it imports have to say of themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _is_there(request: dict[str, Any], sagemaker: Any) -> bool:
    try:
        found = sagemaker.describe_processing_job(ProcessingJobName=request["ProcessingJobName"])
    except AwsError:
        return False
    same = ("ProcessingInputs", "ProcessingOutputConfig", "AppSpecification", "RoleArn")
    return all(found.get(key) == request[key] for key in same)


def process(request: dict[str, Any], sdk: Session) -> None:
    """Have the SDK run a job: a ``ScriptProcessor`` if it ships code, else a ``Processor``.

    Does not wait, and sends what the SDK makes of the request.
    """
    from sagemaker.core.processing import Processor, ScriptProcessor

    application = request["AppSpecification"]
    common = {
        "arguments": application.get("ContainerArguments"),
        "outputs": [_output(each) for each in request["ProcessingOutputConfig"]["Outputs"]],
        "wait": False,
        "logs": False,
        "job_name": request["ProcessingJobName"],
        "experiment_config": request.get("ExperimentConfig"),
    }
    inputs = {each["InputName"]: each for each in request["ProcessingInputs"]}
    code = inputs.pop(CODE, None)
    common["inputs"] = [_input(each) for each in inputs.values()]
    settings = _settings(request, sdk)
    if code is None:
        Processor(**settings, entrypoint=application.get("ContainerEntrypoint")).run(**common)
    else:
        command = application["ContainerEntrypoint"][:-1]
        script = code["S3Input"]["S3Uri"]
        ScriptProcessor(**settings, command=command).run(code=script, **common)


def _settings(request: dict[str, Any], sdk: Session) -> dict[str, Any]:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    return {
        "role": request["RoleArn"],
        "image_uri": request["AppSpecification"]["ImageUri"],
        "instance_count": cluster["InstanceCount"],
        "instance_type": cluster["InstanceType"],
        "volume_size_in_gb": cluster["VolumeSizeInGB"],
        "volume_kms_key": cluster.get("VolumeKmsKeyId"),
        "output_kms_key": request["ProcessingOutputConfig"].get("KmsKeyId"),
        "max_runtime_in_seconds": request["StoppingCondition"]["MaxRuntimeInSeconds"],
        "sagemaker_session": sdk,
        "env": request.get("Environment"),
        "tags": request.get("Tags"),
        "network_config": _network(request.get("NetworkConfig")),
    }


def _network(network: dict[str, Any] | None) -> Any:
    from sagemaker.core.network import NetworkConfig

    if network is None:
        return None
    vpc = network.get("VpcConfig", {})
    return NetworkConfig(
        enable_network_isolation=network["EnableNetworkIsolation"],
        security_group_ids=vpc.get("SecurityGroupIds"),
        subnets=vpc.get("Subnets"),
    )


def _input(entry: dict[str, Any]) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    source = entry["S3Input"]
    return ProcessingInput(
        input_name=entry["InputName"],
        s3_input=ProcessingS3Input(
            s3_uri=source["S3Uri"],
            local_path=source["LocalPath"],
            s3_data_type=source["S3DataType"],
            s3_input_mode=source["S3InputMode"],
            s3_data_distribution_type=source["S3DataDistributionType"],
            s3_compression_type=source["S3CompressionType"],
        ),
    )


def _output(entry: dict[str, Any]) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    place = entry["S3Output"]
    return ProcessingOutput(
        output_name=entry["OutputName"],
        s3_output=ProcessingS3Output(
            s3_uri=place["S3Uri"],
            local_path=place["LocalPath"],
            s3_upload_mode=place["S3UploadMode"],
        ),
    )
