"""The examples' scripts, carried out on AWS's terms, leave the bytes of the local target."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest

import headrace
from headrace.config.defaults import PROJECT
from headrace.targets.local.private_root.access import refusal
from tests.aws.service import carry_out
from tests.moto_server import ACCOUNT, REGION
from tests.stock_images import environment, python_with

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
EXAMPLES = PROJECT / "examples"
BY_HAND = {"backend.image_uri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/own:1"}
PANDAS = {"split_csv": "split_csv", "one_hot": "one_hot", "evaluate": "evaluate"}


@pytest.fixture
def bucket(aws: str) -> Any:
    """A bucket, and the role."""
    registry = boto3.client("ecr", REGION)
    registry.create_repository(repositoryName="own")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": "sha256:" + "0" * 64},
        "layers": [],
    }
    registry.put_image(repositoryName="own", imageManifest=json.dumps(manifest), imageTag="1")
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    return boto3.resource("s3").create_bucket(Bucket="bucket")


@pytest.fixture
def assert_same(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs an example both ways and compares every file that its script wrote."""

    def assert_same(
        program: str,
        folder: str,
        python: Path,
        *,
        has_random_names: bool = False,
        image_entrypoint: tuple[str, ...] = (),
        **settings: str,
    ) -> None:
        monkeypatch.chdir(EXAMPLES / folder)
        role = f"arn:aws:iam::{ACCOUNT}:role/processing"
        there = {"target": "aws", "output.path": "s3://bucket/out", "job.role": role}
        ready = {**settings, **there, "job.name": program.replace("_", "-"), "job.wait": False}
        headrace.run(ready, program=program)
        carry_out(
            str(ready["job.name"]),
            python,
            tmp_path / "hosts",
            at_real_paths=True,
            image_entrypoint=image_entrypoint,
        )
        here: dict[str, Any] = {**settings, "output.path": str(tmp_path / "here")}
        if image_entrypoint:  # which this machine cannot know
            here["program.entrypoint"] = [str(python), *image_entrypoint[1:]]
        outputs = headrace.run(here, program=program).manifest["outputs"]
        names = list(outputs)
        found = {
            each.key.removeprefix("out/"): each.get()["Body"].read()
            for each in bucket.objects.filter(Prefix="out/")
            if each.key.removeprefix("out/").split("/")[0] in names
        }
        files = [path for name in names for path in (tmp_path / "here" / name).rglob("*")]
        expected = {
            path.relative_to(tmp_path / "here").as_posix(): path.read_bytes()
            for path in files
            if path.is_file()
        }
        assert sorted(found.values()) == sorted(expected.values())
        assert has_random_names or found == expected
        assert len(found) >= len(names)

    return assert_same


def test_python_alone(assert_same: Callable[..., None]) -> None:
    assert_same("by_hand", "click_rate", Path(sys.executable), **BY_HAND)


@pytest.mark.long
@pytest.mark.spark
def test_spark_s_join(assert_same: Callable[..., None]) -> None:
    if find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("Spark needs the package pyspark, and Java")
    assert_same("join", "join", Path(sys.executable), has_random_names=True)


@pytest.mark.long
@pytest.mark.parametrize("program", [*PANDAS, "with_sklearn"])
def test_with_the_packages_of_awss_image(
    program: str, assert_same: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    """The Python that runs headrace has newer packages; these scripts' bytes are the same."""
    cache = Path(request.config.cache.mkdir("stock-images"))
    assert_same(program, PANDAS.get(program, "click_rate"), python_with("1.9-0", cache))


@pytest.mark.long
def test_an_image_that_starts_its_own_script(
    assert_same: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    """An environment of what the Dockerfile installs stands in for the image."""
    example = EXAMPLES / "images"
    packages = tuple((example / "requirements.txt").read_text(encoding="utf-8").split())
    cache = Path(request.config.cache.mkdir("stock-images"))
    python = environment(cache, sys.executable, packages) / "python"
    entrypoint = ("python3", str(example / "features.py"))
    assert_same("images", "images", python, image_entrypoint=entrypoint, **BY_HAND)
