"""Which image: AWS's scikit-learn image by region and version, or one's own by its tag.

AWS's accounts and versions are read from the SDK's own table, and the domain of a region from
botocore's, as plain JSON: importing the SDK would take seconds (``sagemaker.core.image_uris``),
importing botocore a tenth of one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from framework.errors import ConfigError, Problem
from framework.problems import suggest
from framework.runtime.version import VERSION

SKLEARN_TABLE = ("sagemaker-core", "sagemaker/core/image_uri_config/sklearn.json")
PARTITIONS = ("botocore", "botocore/data/partitions.json")
TOO_OLD = ("0.20.0", "0.23-1", "1.0-1", "1.2-1", "1.4-2")
"""Images whose Python is 3.7 to 3.10; some have no pyarrow either.

Source: docker/<version>/base/Dockerfile.cpu of github.com/aws/sagemaker-scikit-learn-container.
"""


def sklearn_image(region: str, framework_version: str) -> str:
    """The URI of AWS's scikit-learn image, as ``image_uris.retrieve("sklearn", …)`` gives it.

    Args:
        region: AWS region, as in ``eu-central-1``.
        framework_version: Version of the image, as in ``1.9-0``.

    Raises:
        ConfigError: No such image, or one that is too old for the runtime half.
    """
    versions = _table(*SKLEARN_TABLE)["training"]["versions"]
    problems = [*_version_problems(framework_version, versions)]
    image = versions.get(framework_version) or {"registries": _all_registries(versions)}
    problems += _region_problems(region, image["registries"])
    if problems:
        raise ConfigError(problems)
    registry = f"{image['registries'][region]}.dkr.ecr.{region}.{domain(region)}"
    return f"{registry}/{image['repository']}:{framework_version}-cpu-py3"


def own_image(backend: str, registry: str | None = None) -> str:
    """The name of an own image, as the project's build and push give it.

    Args:
        backend: What it is for.
        registry: Host of the registry that holds it; None for the image on this machine.
    """
    name = f"headrace-{backend}:{VERSION}"
    return f"{registry}/{name}" if registry else name


def _version_problems(framework_version: str, versions: Iterable[str]) -> Iterable[Problem]:
    where = "backend.framework_version"
    usable = sorted(set(versions).difference(TOO_OLD))
    if framework_version in TOO_OLD:
        yield Problem(
            where,
            f"the image {framework_version!r} has Python 3.10 or older, and the job needs "
            f"Python 3.11 and pyarrow; allowed: {', '.join(usable)}",
        )
    elif framework_version not in usable:
        suggestion = suggest(framework_version, usable)
        yield Problem(where, f"AWS has no scikit-learn image {framework_version!r}; {suggestion}")


def _region_problems(region: str, registries: Iterable[str]) -> Iterable[Problem]:
    if region not in registries:
        suggestion = suggest(region, registries)
        yield Problem(
            "backend.region", f"AWS has no scikit-learn image in {region!r}; {suggestion}"
        )


def _all_registries(versions: dict[str, Any]) -> dict[str, str]:
    return {
        region: account for v in versions.values() for region, account in v["registries"].items()
    }


def domain(region: str) -> str:
    """The domain of AWS's hosts in a region: ``amazonaws.com``, but for China and a few others."""
    return str(_partition(region).get("outputs", {}).get("dnsSuffix", "amazonaws.com"))


def partition(region: str) -> str:
    """What stands behind ``arn:`` in a region: ``aws``, ``aws-cn``, ``aws-us-gov``."""
    return str(_partition(region).get("id", "aws"))


def _partition(region: str) -> dict[str, Any]:
    for each in _table(*PARTITIONS)["partitions"]:
        if region in each["regions"] or re.match(each["regionRegex"], region):
            return dict(each)
    return {}


@cache
def _table(package: str, path: str) -> dict[str, Any]:
    text = Path(str(distribution(package).locate_file(path))).read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table
