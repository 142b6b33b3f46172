"""The manifest of a script that SageMaker has run: written by a client, with the local bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace.results.compare import SAME, main
from headrace.results.layout import RECEIPT
from headrace.targets.local.private_root.access import refusal
from headrace.targets.sagemaker import follow as waiting
from tests.aws.conftest import Logs, Perform
from tests.aws.service import carry_out
from tests.moto_server import ACCOUNT
from tests.programs.jobs import script

pytestmark = pytest.mark.skipif(
    refusal() is not None, reason="mount namespaces are forbidden on this machine"
)
SCRIPT = """
import pathlib, sys
source = pathlib.Path("/opt/ml/processing/input/data")
output = pathlib.Path("/opt/ml/processing/output")
for file in sorted(source.rglob("*.csv")):
    name = file.relative_to(source).as_posix().replace("/", "-")
    (output / "train" / name).write_text(file.read_text().upper())
(output / "model/deep").mkdir()
(output / "model/deep/empty").touch()
print("done", *sys.argv[1:])
"""
SETTINGS = (
    *("program=script", "inputs.data=s3://bucket/in/", "outputs=[train,model]"),
    *("program.arguments.split=0.8", f"job.role=arn:aws:iam::{ACCOUNT}:role/processing"),
    "job.name=ctr",
)
THERE = ("target=aws", "output.path=s3://bucket/out/")
TABLE = [
    "output  files  size",
    "train       2   6 B",
    "model       1   0 B",
]


@pytest.fixture
def bucket(aws: str) -> Any:
    """A bucket with data and somebody else's file, and the role."""
    s3 = boto3.resource("s3").create_bucket(Bucket="bucket")
    for key in ("in/a.csv", "in/b/c.csv"):
        s3.put_object(Key=key, Body=key[-5:-2].encode())
    boto3.client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    return s3


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"program.path={script(tmp_path, SCRIPT)}"


@pytest.fixture
def sagemaker_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Jobs are carried out before moto's answer, Completed, is asked for."""
    follow = waiting.follow

    def following(name: str, region: str, **more: Any) -> Any:
        work(tmp_path / "host")
        return follow(name, region, **more)

    monkeypatch.setattr(waiting, "follow", following)


def work(root: Path) -> None:
    carry_out("ctr", Path(sys.executable), root, at_real_paths=True)


def objects(bucket: Any, prefix: str) -> dict[str, bytes]:
    found = bucket.objects.filter(Prefix=prefix)
    return {each.key.removeprefix(prefix): each.get()["Body"].read() for each in found}


def test_the_client_that_waits_writes_the_bytes_of_the_local_target(
    bucket: Any,
    perform: Perform,
    source: str,
    sagemaker_works: None,
    logs: Logs,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.put("\x1b[1mdone\x1b[0m --split 0.8")
    perform(*SETTINGS, *THERE, source)
    assert capsys.readouterr().out.splitlines()[1:4] == TABLE
    perform(*SETTINGS, "output.path=s3://bucket/here/", source)
    there, here = objects(bucket, "out/"), objects(bucket, "here/")
    assert there.keys() - {RECEIPT} == here.keys() - {"report/timings.json"}
    same = there.keys() & here.keys() - {"report/timings.json", "request.json"}
    assert {name: there[name] for name in same} == {name: here[name] for name in same}
    manifest = json.loads(there["report/manifest.json"])
    assert manifest["inputs"]["data"] == {"files": 2, "bytes": 6}
    assert main(["s3://bucket/out", "s3://bucket/here", "--recount"]) == SAME
