"""Tell whether a Processing job is still at work on SageMaker."""

from __future__ import annotations

from headrace.aws.clients import AwsError, client, code_of

RUNNING = frozenset({"InProgress", "Stopping"})
"""All other states are final."""


def is_running(name: str, region: str) -> bool:
    """Return whether a job has not come to its end; one that does not exist has.

    Raises:
        botocore.exceptions.ClientError: AWS does not tell.
    """
    try:
        answer = client("sagemaker", region).describe_processing_job(ProcessingJobName=name)
    except AwsError as exc:
        if means_no_such_job(exc):
            return False
        raise
    return answer["ProcessingJobStatus"] in RUNNING


def means_no_such_job(error: BaseException) -> bool:
    """Return whether there is no job of that name.

    The service says ``ValidationException`` for this, its documentation ``ResourceNotFound``.
    """
    code = code_of(error)
    return code == "ResourceNotFound" or (
        code == "ValidationException" and "could not find" in str(error).lower()
    )
