"""Write the IAM policy with the fewest rights that the role of a job needs; no I/O.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, the section on
``CreateProcessingJob``; narrowed to the buckets, the image and the keys that the request names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from headrace.aws.image_uris import partition
from headrace.aws.request import ATHENA, REDSHIFT, RequestView
from headrace.uris import S3, join

LOGS = "/aws/sagemaker/ProcessingJobs"
METRICS = "/aws/sagemaker/ProcessingJobs"
PREFIX = "s3:prefix"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
NETWORK_CHANGES = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
]
NETWORK_LOOKS = [
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]
ATHENA_ACTIONS = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]
GLUE_ACTIONS = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"]
REDSHIFT_ACTIONS = [
    "redshift-data:DescribeStatement",
    "redshift-data:ExecuteStatement",
    "redshift-data:GetStatementResult",
    "redshift:DescribeClusters",
]

Statement = dict[str, Any]


@dataclass(frozen=True)
class Where:
    """The parts of ARNs that a request does not name; ``*`` if one is not known."""

    region: str
    account: str

    def arn(self, service: str, resource: str, account: str | None = None) -> str:
        """Return the ARN of a resource in the region."""
        owner = self.account if account is None else account
        return f"arn:{partition(self.region)}:{service}:{self.region}:{owner}:{resource}"

    def s3(self, uri: str) -> str:
        """Return the ARN of a bucket or of objects."""
        return f"arn:{partition(self.region)}:s3:::{uri.removeprefix(S3)}"


def policy(request: RequestView, where: Where, listed: Iterable[str] = ()) -> dict[str, Any]:
    """Return an IAM policy document for the role that the job runs as.

    Args:
        request: The request; its inputs and outputs are on S3.
        where: Region and account.
        listed: URIs of what the manifests of its inputs list.
    """
    statements = [
        *_data(request, where, listed),
        *_queries(request, where),
        *_image(request),
    ]
    statements += [*_traces(where), *_keys(request, where), *_network(request, where)]
    return {"Version": "2012-10-17", "Statement": statements}


def policy_of_all(
    requests: Iterable[tuple[RequestView, Iterable[str]]],
    where: Where,
    further: Iterable[Statement] = (),
) -> dict[str, Any]:
    """Return an IAM policy document for a role that all of several jobs run as.

    Args:
        requests: Each request, with the URIs of what the manifests of its inputs list.
        where: Region and account.
        further: Statements to add.
    """
    merged: dict[str, Statement] = {}
    documents = [policy(request, where, listed) for request, listed in requests]
    for each in [*(each for one in documents for each in one["Statement"]), *further]:
        key = _merging_key(each)
        merged[key] = _both(merged[key], each) if key in merged else each
    return {"Version": "2012-10-17", "Statement": _with_own_names(merged.values())}


def _merging_key(statement: Statement) -> str:
    """Return a text that two statements share which can be one."""
    condition = statement.get("Condition", {})
    is_listing = PREFIX in condition.get("StringLike", {})
    where = statement["Resource"] if is_listing else []
    return json.dumps([statement["Action"], where, {} if is_listing else condition])


def _both(one: Statement, other: Statement) -> Statement:
    """Return a statement that allows what two allow, of the same actions and conditions."""
    made = {**one, "Resource": list(dict.fromkeys([*one["Resource"], *other["Resource"]]))}
    listed = [each["Condition"]["StringLike"] for each in (one, other) if "Condition" in each
              and PREFIX in each["Condition"].get("StringLike", {})]  # fmt: skip
    if listed:
        prefixes = dict.fromkeys(prefix for each in listed for prefix in each[PREFIX])
        made["Condition"] = {"StringLike": {PREFIX: list(prefixes)}}
    return made


def _with_own_names(statements: Iterable[Statement]) -> list[Statement]:
    """Return statements with a number behind a name that another one has."""
    named: dict[str, Statement] = {}
    for each in statements:
        name, number = each["Sid"], 1
        while name in named:
            number += 1
            name = f"{each['Sid'].rstrip('0123456789')}{number}"
        named[name] = {**each, "Sid": name}
    return list(named.values())


def _data(request: RequestView, where: Where, listed: Iterable[str]) -> Iterator[Statement]:
    sources = [*(each.uri for each in request.inputs if each.is_s3), *listed]
    places = [join(each.uri, "") for each in request.outputs if each.is_s3]
    places += [f"{query['OutputS3Uri'].rstrip('/')}/" for _, query in request.queries]
    if sources:
        yield _allow("ReadInputs", ["s3:GetObject"], [where.s3(f"{uri}*") for uri in sources])
    yield from _listing([*sources, *places], where)
    if places:
        yield _allow(
            "WriteOutputs",
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            [where.s3(f"{uri}*") for uri in places],
        )
    if groups := request.feature_groups:
        resources = [where.arn("sagemaker", f"feature-group/{name.lower()}") for name in groups]
        yield _allow("WriteFeatures", ["sagemaker:PutRecord"], resources)


def _queries(request: RequestView, where: Where) -> Iterator[Statement]:
    """Yield what queries need.

    Source: the page above, the section on dataset definitions.
    """
    kinds = [kind for kind, _ in request.queries]
    if ATHENA in kinds:
        yield _allow("QueryAthena", ATHENA_ACTIONS, ["*"])
        yield _allow("ReadTables", GLUE_ACTIONS, ["*"])
    clusters = [query for kind, query in request.queries if kind == REDSHIFT]
    if clusters:
        users = [f"dbuser:{query['ClusterId']}/{query['DbUser']}" for query in clusters]
        names = [f"dbname:{query['ClusterId']}/{query['Database']}" for query in clusters]
        resources = [where.arn("redshift", each) for each in [*users, *names]]
        roles = [query["ClusterRoleArn"] for query in clusters]
        yield _allow("LogInToRedshift", ["redshift:GetClusterCredentials"], resources)
        yield _allow("QueryRedshift", REDSHIFT_ACTIONS, ["*"])
        yield _allow("PassClusterRole", ["iam:PassRole"], roles)


def _listing(uris: Iterable[str], where: Where) -> Iterator[Statement]:
    prefixes: dict[str, list[str]] = {}
    for uri in uris:
        bucket, _, key = uri.removeprefix(S3).partition("/")
        prefixes.setdefault(bucket, []).append(f"{key}*")
    for number, (bucket, keys) in enumerate(prefixes.items(), 1):
        condition = {"StringLike": {PREFIX: keys}}
        statement = _allow(f"List{number}", ["s3:ListBucket"], [where.s3(bucket)])
        yield {**statement, "Condition": condition}


def _image(request: RequestView) -> Iterator[Statement]:
    host, _, name = request.image.partition("/")
    parts = host.split(".")
    if parts[1:3] == ["dkr", "ecr"]:
        repository = name.partition("@")[0].partition(":")[0]
        image = Where(parts[3], parts[0]).arn("ecr", f"repository/{repository}")
        yield _allow("PullImage", PULL, [image])
        yield _allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"])


def _traces(where: Where) -> Iterator[Statement]:
    group = where.arn("logs", f"log-group:{LOGS}")
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams"]
    yield _allow("WriteLogs", [*actions, "logs:PutLogEvents"], [group, f"{group}:*"])
    metrics = _allow("WriteMetrics", ["cloudwatch:PutMetricData"], ["*"])
    yield {**metrics, "Condition": {"StringEquals": {"cloudwatch:namespace": METRICS}}}


def _keys(request: RequestView, where: Where) -> Iterator[Statement]:
    keys = [request.kms_key, request.volume_kms_key]
    keys += [query.get("KmsKeyId") for _, query in request.queries]
    for number, key in enumerate(dict.fromkeys(key for key in keys if key)):
        yield _key(f"UseKey{number + 1 if number else ''}", key, where)


def _key(name: str, key: str, where: Where) -> Statement:
    actions = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    _, is_alias, alias = key.rpartition("alias/")
    if is_alias:  # names no key in a policy; the key that has it does
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}
        return {**_allow(name, actions, [where.arn("kms", "key/*")]), "Condition": condition}
    return _allow(
        name, actions, [key if key.startswith("arn:") else where.arn("kms", f"key/{key}")]
    )


def _network(request: RequestView, where: Where) -> Iterator[Statement]:
    if request.subnets:
        resources = [where.arn("ec2", f"subnet/{subnet}") for subnet in request.subnets]
        resources += [
            where.arn("ec2", f"security-group/{group}") for group in request.security_group_ids
        ]
        interface = where.arn("ec2", "network-interface/*")
        yield _allow("JoinNetwork", NETWORK_CHANGES, [*resources, interface])
        yield _allow("LookAtNetwork", NETWORK_LOOKS, ["*"])


def _allow(name: str, actions: list[str], resources: list[str]) -> Statement:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}
