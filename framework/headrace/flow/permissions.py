"""The IAM policy of a role that runs a pipeline and all of its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from headrace.aws.policy import Statement, Where, policy_of_all
from headrace.aws.request import RequestView
from headrace.flow.arguments import EXECUTION_MARK
from headrace.flow.pipeline import Pipeline
from headrace.job.account import OnPaper
from headrace.uris import S3

ACTIONS = [
    "sagemaker:AddTags",
    "sagemaker:CreateProcessingJob",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:StopProcessingJob",
]


def policy_of(
    pipeline: Pipeline, account: OnPaper, listed: Mapping[str, Iterable[str]] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the policy document.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html

    Args:
        pipeline: The pipeline; its raw steps need rights that nobody but their author knows.
        account: Where it runs.
        listed: Label → URIs of what the manifests of the job's inputs list.
    """
    where = Where(account.region_name, account.account_id)
    requests = [
        (RequestView(_anywhere(each.raw, pipeline.code)), listed.get(label, ()))
        for label, each in pipeline.requests.items()
    ]
    return policy_of_all(requests, where, _steps(account, where))


def _steps(account: OnPaper, where: Where) -> list[Statement]:
    passing = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    return [
        {
            "Sid": "RunSteps",
            "Effect": "Allow",
            "Action": ACTIONS,
            "Resource": [where.arn("sagemaker", "processing-job/*")],
        },
        {
            "Sid": "PassRole",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": [account.role_arn],
            "Condition": passing,
        },
    ]


def _anywhere(value: Any, code: str) -> Any:
    """Return a request whose places on S3 are those of every execution, and of code yet to come."""
    if isinstance(value, dict):
        return {key: _anywhere(each, code) for key, each in value.items()}
    if isinstance(value, list):
        return [_anywhere(each, code) for each in value]
    if not isinstance(value, str) or not value.startswith(S3):
        return value
    return f"{code}/" if value.startswith(f"{code}/") else value.replace(EXECUTION_MARK, "*")
