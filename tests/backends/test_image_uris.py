"""The images, with the SDK itself as the judge of AWS's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from headrace.aws import image_uris
from headrace.aws.image_uris import own_image, sklearn_image
from headrace.aws.region import find_region
from headrace.errors import ConfigError
from headrace.runtime import VERSION
from tests import children

ASK_THE_SDK = """
import json, sys
from sagemaker.core import image_uris

asked = json.load(sys.stdin)
answers = [image_uris.retrieve("sklearn", region, version=version) for region, version in asked]
print(json.dumps(answers))
"""


def refused(region: str, version: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        sklearn_image(region, version)
    return [str(problem) for problem in caught.value.problems]


def test_the_default_version() -> None:
    assert sklearn_image("us-east-1", "1.9-0") == (
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
    )


def test_china_has_its_own_domain() -> None:
    assert sklearn_image("cn-north-1", "1.4-2-py312") == (
        "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/"
        "sagemaker-scikit-learn:1.4-2-py312-cpu-py3"
    )


@pytest.mark.slow
@pytest.mark.long
def test_every_region_agrees_with_the_sdk() -> None:
    versions = image_uris._table(*image_uris.SKLEARN_TABLE)["training"]["versions"]
    asked = [
        (region, version)
        for version in sorted(set(versions).difference(image_uris.TOO_OLD))
        for region in versions[version]["registries"]
    ]
    answer = children.run(  # in a process of its own: the SDK configures logging at import
        [sys.executable, "-W", "ignore", "-c", ASK_THE_SDK],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(asked) > 60
    assert [sklearn_image(*each) for each in asked] == json.loads(answer.stdout.splitlines()[-1])


def test_an_image_without_what_the_job_needs_is_refused() -> None:
    assert refused("us-east-1", "1.2-1") == [
        "backend.framework_version: the image '1.2-1' has Python 3.10 or older, and the job needs "
        "Python 3.11 and pyarrow; allowed: 1.4-2-py312, 1.9-0"
    ]


def test_an_unknown_version_and_an_unknown_region_are_told_at_once() -> None:
    assert refused("eu-centrl-1", "1.9-1") == [
        "backend.framework_version: AWS has no scikit-learn image '1.9-1'; did you mean '1.9-0'?",
        "backend.region: AWS has no scikit-learn image in 'eu-centrl-1'; "
        "did you mean 'eu-central-1'?",
    ]


def test_an_own_image_carries_the_version_of_the_project() -> None:
    assert own_image("processor") == f"headrace-processor:{VERSION}"


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def test_the_region_nobody_names(no_aws: pytest.MonkeyPatch) -> None:
    assert find_region(None) is None


def test_who_names_the_region_first(no_aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-west-2\n"
    )
    found = [find_region(None)]
    for name, value in (
        ("AWS_PROFILE", "work"),
        ("AWS_DEFAULT_REGION", "us-west-1"),
        ("AWS_REGION", "us-west-2"),
    ):
        no_aws.setenv(name, value)
        found.append(find_region(None))
    assert [*found, find_region("cn-north-1")] == [
        "eu-west-1",
        "eu-west-2",
        "us-west-1",
        "us-west-2",
        "cn-north-1",
    ]


def test_a_profile_that_is_not_there(no_aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    no_aws.setenv("AWS_PROFILE", "wrok")
    with pytest.raises(ConfigError) as caught:
        find_region(None)
    assert [str(problem) for problem in caught.value.problems] == [
        "backend.region: not given, and The config profile (wrok) could not be found"
    ]
