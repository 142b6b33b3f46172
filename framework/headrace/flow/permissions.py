"""The IAM policy of a role that runs a pipeline and all of its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from headrace.aws.policy import Statement, Where, policy_of_all
from headrace.aws.request import RequestView
from headrace.flow.arguments import EXECUTION_MARK
from headrace.flow.pipeline import Pipeline
from headrace.flow.references import with_texts
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
    anywhere = partial(_anywhere, code=f"{pipeline.code}/")
    requests = [
        (RequestView(with_texts(each.raw, anywhere)), listed.get(label, ()))
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


def _anywhere(text: str, code: str) -> str:
    """Return a text whose place on S3 is that of every execution, and of code yet to come."""
    if not text.startswith(S3):
        return text
    return code if text.startswith(code) else text.replace(EXECUTION_MARK, "*")
