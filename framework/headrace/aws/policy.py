"""The least that the role of a job may be allowed to do, read off the job's request; no I/O.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html, the section on
``CreateProcessingJob``; narrowed to the buckets, the image and the keys that the request names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from headrace.aws.image_uris import partition
from headrace.uris import S3

LOGS = "/aws/sagemaker/ProcessingJobs"
METRICS = "/aws/sagemaker/ProcessingJobs"
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
ATHENA = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]
GLUE = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"]
REDSHIFT = [
    "redshift-data:DescribeStatement",
    "redshift-data:ExecuteStatement",
    "redshift-data:GetStatementResult",
    "redshift:DescribeClusters",
]

Statement = dict[str, Any]


@dataclass(frozen=True)
class Where:
    """What ARNs are made of; ``*`` for what is not known."""

    region: str
    account: str

    def arn(self, service: str, resource: str, account: str | None = None) -> str:
        """The ARN of something in the region."""
        owner = self.account if account is None else account
        return f"arn:{partition(self.region)}:{service}:{self.region}:{owner}:{resource}"

    def s3(self, uri: str) -> str:
        """The ARN of a bucket or of objects."""
        return f"arn:{partition(self.region)}:s3:::{uri.removeprefix(S3)}"


def policy(request: dict[str, Any], where: Where) -> dict[str, Any]:
    """An IAM policy document for the role that the job runs as.

    Args:
        request: The arguments of ``CreateProcessingJob``, with ``s3://`` on both ends.
        where: Region and account.
    """
    statements = [*_data(request, where), *_queries(request, where), *_image(request, where)]
    statements += [*_traces(where), *_keys(request, where), *_network(request, where)]
    return {"Version": "2012-10-17", "Statement": statements}


def _data(request: dict[str, Any], where: Where) -> Iterator[Statement]:
    inputs = request.get("ProcessingInputs", ())
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    sources = [each["S3Input"]["S3Uri"] for each in inputs if "S3Input" in each]
    places = [f"{each['S3Output']['S3Uri']}/" for each in outputs if "S3Output" in each]
    places += [f"{query['OutputS3Uri'].rstrip('/')}/" for _, query in _queries_of(request)]
    if sources:
        yield _allow("ReadInputs", ["s3:GetObject"], [where.s3(f"{uri}*") for uri in sources])
    yield from _listing([*sources, *places], where)
    if places:
        yield _allow(
            "WriteOutputs",
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            [where.s3(f"{uri}*") for uri in places],
        )
    if groups := [each["FeatureStoreOutput"] for each in outputs if "FeatureStoreOutput" in each]:
        names = [f"feature-group/{group['FeatureGroupName'].lower()}" for group in groups]
        resources = [where.arn("sagemaker", name) for name in names]
        yield _allow("WriteFeatures", ["sagemaker:PutRecord"], resources)


def _queries(request: dict[str, Any], where: Where) -> Iterator[Statement]:
    """Source: the page above, the section on dataset definitions."""
    found = dict(_queries_of(request))
    if "AthenaDatasetDefinition" in found:
        yield _allow("QueryAthena", ATHENA, ["*"])
        yield _allow("ReadTables", GLUE, ["*"])
    if query := found.get("RedshiftDatasetDefinition"):
        cluster = query["ClusterId"]
        named = [f"dbuser:{cluster}/{query['DbUser']}", f"dbname:{cluster}/{query['Database']}"]
        resources = [where.arn("redshift", each) for each in named]
        yield _allow("LogInToRedshift", ["redshift:GetClusterCredentials"], resources)
        yield _allow("QueryRedshift", REDSHIFT, ["*"])
        yield _allow("PassClusterRole", ["iam:PassRole"], [query["ClusterRoleArn"]])


def _queries_of(request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in request.get("ProcessingInputs", ()):
        for name, query in each.get("DatasetDefinition", {}).items():
            if isinstance(query, dict):
                yield name, query


def _listing(uris: Iterable[str], where: Where) -> Iterator[Statement]:
    prefixes: dict[str, list[str]] = {}
    for uri in uris:
        bucket, _, key = uri.removeprefix(S3).partition("/")
        prefixes.setdefault(bucket, []).append(f"{key}*")
    for number, (bucket, keys) in enumerate(prefixes.items(), 1):
        condition = {"StringLike": {"s3:prefix": keys}}
        statement = _allow(f"List{number}", ["s3:ListBucket"], [where.s3(bucket)])
        yield {**statement, "Condition": condition}


def _image(request: dict[str, Any], where: Where) -> Iterator[Statement]:
    host, _, name = request["AppSpecification"]["ImageUri"].partition("/")
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


def _keys(request: dict[str, Any], where: Where) -> Iterator[Statement]:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    outputs = request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
    keys = [outputs, cluster.get("VolumeKmsKeyId")]
    keys += [query.get("KmsKeyId") for _, query in _queries_of(request)]
    for number, key in enumerate(dict.fromkeys(filter(None, keys))):
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


def _network(request: dict[str, Any], where: Where) -> Iterator[Statement]:
    vpc = request.get("NetworkConfig", {}).get("VpcConfig")
    if vpc:
        resources = [where.arn("ec2", f"subnet/{each}") for each in vpc["Subnets"]]
        resources += [
            where.arn("ec2", f"security-group/{each}") for each in vpc["SecurityGroupIds"]
        ]
        interface = where.arn("ec2", "network-interface/*")
        yield _allow("JoinNetwork", NETWORK_CHANGES, [*resources, interface])
        yield _allow("LookAtNetwork", NETWORK_LOOKS, ["*"])


def _allow(name: str, actions: list[str], resources: list[str]) -> Statement:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}
