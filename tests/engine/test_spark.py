"""The join on Spark in a real container: the rows of this machine's Spark.

The image has this machine's Java and pyspark. Spark puts a random word into the names of its files,
so that it is left out of them here; the contents are compared byte by byte.
"""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest

import headrace
from headrace.config.defaults import PROJECT
from headrace.targets.local.private_root.access import refusal
from tests.aws.service import ML, SPARK, carry_out_by
from tests.engine.engine import BASE, Engine
from tests.moto_server import ACCOUNT

pytestmark = [
    pytest.mark.engine,
    pytest.mark.long,
    pytest.mark.spark,
    pytest.mark.skipif(refusal() is not None, reason="mount namespaces are forbidden here"),
    pytest.mark.skipif(
        find_spec("pyspark") is None or shutil.which("java") is None,
        reason="Spark needs the package pyspark, and Java",
    ),
]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/processing"
RANDOM = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PACKAGES = ("py4j", "pyspark")
LEFT_OUT = ("__pycache__", "jmods", "src.zip")
DOCKERFILE = f"""\
FROM {BASE}
COPY java /java
COPY packages /packages
COPY {SPARK} /usr/bin/
ENV JAVA_HOME=/java PYTHONPATH=/packages PYSPARK_PYTHON=python3
"""
STAND_IN = '#!/bin/sh\nexec /packages/pyspark/bin/spark-submit --master "local[1]" "$@"\n'


@pytest.fixture(scope="module")
def with_spark(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that has Spark, and a program of the name of AWS's that starts it."""
    context = tmp_path_factory.mktemp("context")
    java = Path(str(shutil.which("java"))).resolve().parents[1]
    copied = {"java": java, **{f"packages/{name}": package(name) for name in PACKAGES}}
    for name, source in copied.items():
        ignored = shutil.ignore_patterns(*LEFT_OUT)
        shutil.copytree(source, context / name, ignore=ignored, ignore_dangling_symlinks=True)
    (context / SPARK).write_text(STAND_IN)
    (context / SPARK).chmod(0o755)
    (context / "Dockerfile").write_text(DOCKERFILE)
    tag = f"with-spark:{version('pyspark')}"
    engine.client.images.build(path=str(context), tag=tag, rm=True)
    shutil.rmtree(context)
    return tag


def package(name: str) -> Path:
    return Path(str(getattr(find_spec(name), "origin", ""))).parent


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the local target leaves."""
    folder = tmp_path_factory.mktemp("here")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT / "examples/join")
        headrace.run({"output.path": str(folder / "out")}, program="join")
    return joined(folder / "out")


def joined(result: Path) -> dict[str, bytes]:
    files = (result / "joined").rglob("*")
    return named_alike({path.relative_to(result).as_posix(): path.read_bytes() for path in files})


def named_alike(files: dict[str, bytes]) -> dict[str, bytes]:
    return {RANDOM.sub("random", name): content for name, content in files.items()}


def assert_same(there: dict[str, bytes], here: dict[str, bytes]) -> None:
    assert len(there["joined/part-00000-random-c000.csv"].splitlines()) == 21
    assert there == here


def test_the_join_as_a_script(
    with_spark: str, here: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's local mode starts no cluster, so the script starts Spark by itself."""
    monkeypatch.chdir(PROJECT / "examples/join")
    settings = {"backend": "script", "backend.image_uri": with_spark, "target": "container"}
    headrace.run({**settings, "output.path": str(tmp_path / "out")}, program="join")
    assert_same(joined(tmp_path / "out"), here)


@pytest.mark.usefixtures("aws")
def test_the_join_on_awss_terms(
    engine: Engine,
    with_spark: str,
    here: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request for AWS's image, carried out in a container by who knows nothing of headrace."""
    bucket = boto3.resource("s3").create_bucket(Bucket="bucket")
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    monkeypatch.chdir(PROJECT / "examples/join")
    settings = {"target": "aws", "output.path": "s3://bucket/out", "job.role": ROLE}
    headrace.run({**settings, "job.name": "join", "job.wait": False}, program="join")

    def start(job: dict[str, Any], ml: Path) -> None:
        application = job["AppSpecification"]
        assert application["ContainerEntrypoint"][0] == SPARK
        engine.client.containers.run(
            with_spark,
            application.get("ContainerArguments", []),
            entrypoint=application["ContainerEntrypoint"],
            environment=job.get("Environment", {}),
            volumes={str(ml): {"bind": ML, "mode": "rw"}},
            remove=True,
        )

    carry_out_by(start, "join", tmp_path / "hosts")
    found = {
        each.key.removeprefix("out/"): each.get()["Body"].read()
        for each in bucket.objects.filter(Prefix="out/joined/")
    }
    assert_same(named_alike(found), here)
