"""The call of the SageMaker SDK that creates a job, once and exactly as the request says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.aws.clients import AwsError, new_client, session
from headrace.aws.request import InputChannel, OutputChannel, RequestView

if TYPE_CHECKING:
    from sagemaker.core.helper.session_helper import Session

CODE = "code"
OWN_DEFAULTS = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
"""Used instead of the files with defaults that the SDK would read, which could change the request.
Without it the SDK also sends telemetry."""


def submit(request: dict[str, Any], region: str) -> None:
    """Create the job; do not wait for it.

    The SDK's classes build a request of their own from ours and may add to it, for example the tags
    of a Studio project. What is sent is ours: what ``action=plan`` showed is what runs.

    Args:
        request: The arguments of ``CreateProcessingJob``; its input files have been uploaded.
        region: AWS region.

    Raises:
        botocore.exceptions.ClientError: The service refused it.
    """
    sagemaker = new_client("sagemaker", region)
    sagemaker.meta.events.register(
        "provide-client-params.sagemaker.CreateProcessingJob", lambda **_: request
    )
    try:
        run(request, sagemaker, region)
    except AwsError:
        # The request may have arrived and its answer may be lost; botocore then sends it again,
        # and the service answers that the name is taken.
        if not _is_there(request, sagemaker):
            raise


def run(request: dict[str, Any], sagemaker: Any, region: str) -> None:
    """Let the SDK create a job with our client."""
    with quiet():
        from sagemaker.core.helper.session_helper import Session

        process(
            RequestView(request),
            Session(session(region, None), sagemaker, sagemaker_config=OWN_DEFAULTS),
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the SDK's own warnings and log lines, and those of what it imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _is_there(request: dict[str, Any], sagemaker: Any) -> bool:
    """Return whether the service has this very job."""
    wanted = RequestView(request)
    try:
        answer = sagemaker.describe_processing_job(ProcessingJobName=wanted.name)
    except AwsError:
        return False
    found = RequestView(answer)
    return (
        (found.inputs, found.outputs, found.kms_key)
        == (wanted.inputs, wanted.outputs, wanted.kms_key)
        and (found.image, found.entrypoint) == (wanted.image, wanted.entrypoint)
        and (found.arguments, found.role) == (wanted.arguments, wanted.role)
    )


def process(request: RequestView, sdk: Session) -> None:
    """Let the SDK run a job: a ``ScriptProcessor`` if it ships code, else a ``Processor``.

    It does not wait, and sends the request that the SDK builds.
    """
    from sagemaker.core.processing import Processor, ScriptProcessor

    code = next((channel for channel in request.inputs if channel.name == CODE), None)
    common = {
        "inputs": [_input(each) for each in request.inputs if each != code and each.is_s3],
        "outputs": [_output(each) for each in request.outputs if each.is_s3],
        "arguments": list(request.arguments) or None,
        "wait": False,
        "logs": False,
        "job_name": request.name,
        "experiment_config": request.experiment or None,
    }
    command, settings = list(request.entrypoint), _settings(request, sdk)
    if code is None:
        Processor(**settings, entrypoint=command or None).run(**common)
    else:
        ScriptProcessor(**settings, command=command[:-1]).run(code=code.uri, **common)


def _settings(request: RequestView, sdk: Session) -> dict[str, Any]:
    return {
        "role": request.role,
        "image_uri": request.image,
        "instance_count": request.instance_count,
        "instance_type": request.instance_type,
        "volume_size_in_gb": request.volume_size_gb,
        "volume_kms_key": request.volume_kms_key,
        "output_kms_key": request.kms_key,
        "max_runtime_in_seconds": request.limit_seconds,
        "sagemaker_session": sdk,
        "env": request.environment or None,
        "tags": [{"Key": key, "Value": value} for key, value in request.tags.items()] or None,
        "network_config": _network(request),
    }


def _network(request: RequestView) -> Any:
    from sagemaker.core.network import NetworkConfig

    if not (request.network_isolation or request.subnets or request.encrypts_traffic):
        return None
    return NetworkConfig(
        enable_network_isolation=request.network_isolation,
        security_group_ids=list(request.security_group_ids) or None,
        subnets=list(request.subnets) or None,
        encrypt_inter_container_traffic=request.encrypts_traffic or None,
    )


def _input(channel: InputChannel) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    return ProcessingInput(
        input_name=channel.name,
        s3_input=ProcessingS3Input(
            s3_uri=channel.uri,
            local_path=channel.container_path,
            s3_data_type=channel.kind,
            s3_input_mode=channel.mode,
            s3_data_distribution_type=channel.distribution,
            s3_compression_type=channel.compression,
        ),
    )


def _output(channel: OutputChannel) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    return ProcessingOutput(
        output_name=channel.name,
        s3_output=ProcessingS3Output(
            s3_uri=channel.uri,
            local_path=channel.container_path,
            s3_upload_mode=channel.upload_mode,
        ),
    )
