"""URIs of images: AWS's by kind, region and version, one's own by its tag.

AWS's accounts and versions are read from the SDK's own table, and the domain of a region from
botocore's, as plain JSON: importing the SDK would take seconds (``sagemaker.core.image_uris``),
importing botocore a tenth of a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from headrace.config.problems import suggest
from headrace.errors import ConfigError, Problem
from headrace.runtime import VERSION

SKLEARN_TABLE = ("sagemaker-core", "sagemaker/core/image_uri_config/sklearn.json")
PARTITIONS = ("botocore", "botocore/data/partitions.json")
TOO_OLD = ("0.20.0", "0.23-1", "1.0-1", "1.2-1", "1.4-2")
"""Images whose Python is 3.7 to 3.10; some have no pyarrow either.

Source: docker/<version>/base/Dockerfile.cpu of github.com/aws/sagemaker-scikit-learn-container.
"""
SPARK_TABLE = ("sagemaker-core", "sagemaker/core/image_uri_config/spark.json")
SPARK_TAGS = {"3.5": "3.5-cpu-py312-v1.0"}
"""Tags of the images whose Python is new enough; 3.3 and older have Python 3.9 or less.

Source: github.com/aws/sagemaker-spark-container, releases.
"""


_REPOSITORIES = ("sagemaker-scikit-learn", "sagemaker-spark-processing")
_AWSS = re.compile(
    rf"\d{{12}}\.dkr\.ecr\.(?P<region>[\w-]+)\.[\w.]+/"
    rf"(?P<repository>{'|'.join(_REPOSITORIES)}):(?P<tag>[\w.-]+)"
)


def sklearn_image(region: str, framework_version: str) -> str:
    """Return the URI of AWS's scikit-learn image, as ``image_uris.retrieve("sklearn", …)`` does.

    Args:
        region: AWS region, as in ``eu-central-1``.
        framework_version: Version of the image, as in ``1.9-0``.

    Raises:
        ConfigError: No such image, or one that is too old for the runtime half.
    """
    versions = _table(*SKLEARN_TABLE)["training"]["versions"]
    tags = {version: f"{version}-cpu-py3" for version in versions if version not in TOO_OLD}
    return _awss_image("scikit-learn", versions, tags, region, framework_version)


def spark_image(region: str, framework_version: str) -> str:
    """Return the URI of AWS's Spark image, as ``image_uris.retrieve("spark", …)`` does.

    Args:
        region: AWS region, as in ``eu-central-1``.
        framework_version: Version of Spark, as in ``3.5``.

    Raises:
        ConfigError: No such image, or one that is too old for the runtime half.
    """
    versions = _table(*SPARK_TABLE)["processing"]["versions"]
    return _awss_image("Spark", versions, SPARK_TAGS, region, framework_version)


@dataclass(frozen=True)
class AwsImage:
    """A version of an image that AWS provides."""

    kind: str
    region: str
    version: str
    is_usable: bool
    """`sklearn_image` or `spark_image` returns it."""


def awss_choice(uri: str) -> AwsImage | None:
    """Return what an image of AWS's is; None if it is somebody else's.

    Args:
        uri: Of the image, as in a request.
    """
    found = _AWSS.fullmatch(uri)
    if found is None:
        return None
    region, repository, tag = found["region"], found["repository"], found["tag"]
    if repository == _REPOSITORIES[0]:
        version, kind, make = tag.removesuffix("-cpu-py3"), "scikit-learn", sklearn_image
    else:
        versions = {made: version for version, made in SPARK_TAGS.items()}
        version, kind, make = versions.get(tag, tag), "Spark", spark_image
    try:
        is_usable = make(region, version) == uri
    except ConfigError:
        is_usable = False
    return AwsImage(kind, region, version, is_usable)


def _awss_image(
    kind: str, versions: dict[str, Any], tags: dict[str, str], region: str, version: str
) -> str:
    """Return the URI of an image of AWS's.

    Args:
        kind: Its name in messages.
        versions: The SDK's table.
        tags: Version → tag, of all versions that can be used.
        region: AWS region.
        version: The wanted version.
    """
    problems = [*_version_problems(kind, version, versions, tags)]
    image = versions.get(version) or {"registries": _all_registries(versions)}
    problems += _region_problems(kind, region, image["registries"])
    if problems:
        raise ConfigError(problems)
    registry = f"{image['registries'][region]}.dkr.ecr.{region}.{domain(region)}"
    return f"{registry}/{image['repository']}:{tags[version]}"


def own_image(backend: str, registry: str | None = None) -> str:
    """Return the name of an own image, as ``action=build`` and ``action=push`` use it.

    Args:
        backend: Name of the backend that it is for.
        registry: Host of the registry that holds it; None for the image on this machine.
    """
    name = f"headrace-{backend}:{VERSION}"
    return f"{registry}/{name}" if registry else name


def _version_problems(
    kind: str, version: str, versions: Iterable[str], usable: Iterable[str]
) -> Iterable[Problem]:
    where, allowed = "backend.framework_version", sorted(usable)
    if version in allowed:
        return
    if version in versions:
        yield Problem(
            where,
            f"the image {version!r} has Python 3.10 or older, and the job needs "
            f"Python 3.11 and pyarrow; allowed: {', '.join(allowed)}",
        )
    else:
        yield Problem(where, f"AWS has no {kind} image {version!r}; {suggest(version, allowed)}")


def _region_problems(kind: str, region: str, registries: Iterable[str]) -> Iterable[Problem]:
    if region not in registries:
        suggestion = suggest(region, registries)
        yield Problem("backend.region", f"AWS has no {kind} image in {region!r}; {suggestion}")


def _all_registries(versions: dict[str, Any]) -> dict[str, str]:
    return {
        region: account for v in versions.values() for region, account in v["registries"].items()
    }


def domain(region: str) -> str:
    """Return the domain of AWS's hosts in a region: ``amazonaws.com`` in most."""
    return str(_partition(region).get("outputs", {}).get("dnsSuffix", "amazonaws.com"))


def partition(region: str) -> str:
    """Return the partition in a region's ARNs: ``aws``, ``aws-cn`` or ``aws-us-gov``, say."""
    return str(_partition(region).get("id", "aws"))


def _partition(region: str) -> dict[str, Any]:
    for candidate in _table(*PARTITIONS)["partitions"]:
        if region in candidate["regions"] or re.match(candidate["regionRegex"], region):
            return dict(candidate)
    return {}


@cache
def _table(package: str, path: str) -> dict[str, Any]:
    text = Path(str(distribution(package).locate_file(path))).read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
