"""The manifest of a script that SageMaker has run: written by a client, with the local bytes."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace.aws import reading
from headrace.errors import ConfigError, JobFailed
from headrace.results.compare import SAME, main
from headrace.results.layout import RECEIPT, receipt_of
from headrace.results.output_prefix import look
from headrace.targets.local.private_root.access import refusal
from headrace.targets.sagemaker import follow as waiting
from headrace.targets.sagemaker import program_report
from headrace.targets.sagemaker.program_report import (
    Submission,
    complete_program,
    submission_of,
)
from headrace.targets.sagemaker.record import JobRecord
from tests.aws.conftest import Logs, Perform
from tests.aws.service import carry_out
from tests.aws.stub import Stub, description, record
from tests.moto_server import ACCOUNT, REGION
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
    bucket.put_object(Key="out/mine.txt", Body=b"")
    again = (*SETTINGS[:-1], *THERE, source, "job.name=ctr2", "job.wait=false")
    with pytest.raises(ConfigError) as caught:
        perform(*again)
    assert [str(each) for each in caught.value.problems] == [
        "output.path: the prefix 's3://bucket/out/' holds a result; choose another or set "
        "output.overwrite=true"
    ]
    perform(*again, "output.overwrite=true")
    assert sorted(objects(bucket, "out/")) == [
        *("code/prepare.py", "mine.txt", RECEIPT, "request.json"),
    ]


def test_describe_writes_it_later_also_for_code_on_s3(
    bucket: Any, perform: Perform, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.upload_file(source.partition("=")[2], "jobs/prepare.py")
    code = ("program.path=s3://bucket/jobs/", "program.entry=prepare.py")
    perform(*SETTINGS, *THERE, *code, "job.wait=false")
    work(tmp_path / "host")
    capsys.readouterr()
    for _ in range(2):
        perform("action=describe", "job.name=ctr")
        assert capsys.readouterr().out.splitlines()[-5:] == ["", *TABLE, "s3://bucket/out"]
    perform(*SETTINGS, "output.path=s3://bucket/here/", *code)
    there, here = (objects(bucket, prefix)["report/manifest.json"] for prefix in ("out/", "here/"))
    assert there == here
    assert json.loads(here)["program"]["sha256"]


def submission(bucket: Any, *outputs: tuple[str, str]) -> JobRecord:
    """Write what the submission of a script leaves; return the answer about the job."""
    places = [
        {
            "OutputName": name,
            "S3Output": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/output/{name}"},
        }
        for name, uri in outputs
    ]
    request = {"ProcessingJobName": "ctr", "ProcessingOutputConfig": {"Outputs": places}}
    bucket.put_object(Key="out/request.json", Body=json.dumps(request).encode())
    program = {"kind": "script", "entry": "x.py", "sha256": "1", "inputs": {}}
    receipt = receipt_of("ctr", {"request.json": None, "code/x.py": "1"}, REGION, program)
    bucket.put_object(Key=f"out/{RECEIPT}", Body=receipt)
    return record(ProcessingOutputConfig={"Outputs": places})


def complete(job: JobRecord) -> dict[str, Any]:
    found = submission_of(job, "/nowhere")
    assert found is not None
    return complete_program(found, job, REGION)


TRAIN = ("train", "s3://bucket/out/train")


def test_what_the_report_says(bucket: Any, logs: Logs) -> None:
    job = submission(bucket, TRAIN)
    logs.put(*(f"line {number}" for number in range(1_001)))
    bucket.put_object(Key="out/train/a", Body=b"1")
    bucket.put_object(Key="out/trained/b", Body=b"2")
    manifest = complete(job)
    report = objects(bucket, "out/report/")
    assert json.loads(report.pop("manifest.json")) == manifest
    assert json.loads(report.pop("timings.json")) == {"seconds": 360}
    lines = "".join(f"line {number}\n" for number in range(1, 1_001))
    assert report == {"log.txt": lines.encode()}
    assert manifest["outputs"]["train"]["parts"] == [
        {"file": "train/a", "bytes": 1, "sha256": hashlib.sha256(b"1").hexdigest()}
    ]
    assert manifest["files"] == [
        *("code/x.py", "report/log.txt", "report/manifest.json", "report/report.html"),
        *("report/timings.json", "request.json", "train/a"),
    ]


def test_a_job_that_nobody_described_is_described_before_it_is_replaced(
    bucket: Any, perform: Perform, source: str
) -> None:
    perform(*SETTINGS, *THERE, source, "job.wait=false")
    bucket.put_object(Key="out/train/a", Body=b"1")
    again = (*THERE, *SETTINGS[:-1], source, "job.name=again", "output.overwrite=true")
    with pytest.raises(ConfigError) as caught:
        perform(*again)
    assert str(caught.value.problems[0]) == (
        "output.path: the prefix 's3://bucket/out/' holds what the job ctr left, whose "
        "report/manifest.json nobody has written yet; action=describe job.name=ctr does, and makes "
        "it a result; or choose another"
    )
    perform("action=describe", "job.name=ctr", "target=aws")
    perform(*again, "job.wait=false")


def test_an_output_elsewhere_has_a_uri_and_is_not_replaced(bucket: Any) -> None:
    job = submission(bucket, TRAIN, ("model", "s3://bucket/models/7"))
    bucket.put_object(Key="models/7/a/b", Body=b"1")
    manifest = complete(job)
    model = manifest["outputs"]["model"]
    assert (model["uri"], model["files"], model["bytes"]) == ("s3://bucket/models/7", 1, 1)
    assert [part["file"] for part in model["parts"]] == ["a/b"]
    assert "a/b" not in manifest["files"]
    assert look("s3://bucket/out").result is not None
    assert main(["s3://bucket/out", "s3://bucket/out", "--recount"]) == SAME


def test_files_elsewhere_that_are_older_than_the_job_are_none_of_its_own(bucket: Any) -> None:
    job = submission(bucket, ("model", "s3://bucket/models/7"))
    bucket.put_object(Key="models/7/old", Body=b"1")
    later = JobRecord({**job.answer, "CreationTime": datetime.now(UTC) + timedelta(minutes=1)})
    found = Submission.at("s3://bucket/out", "ctr")
    assert found is not None
    assert complete_program(found, later, REGION)["outputs"]["model"]["files"] == 0


def test_an_output_in_another_and_one_at_the_place_itself(bucket: Any) -> None:
    inner = ("inner", "s3://bucket/out/train/inner")
    job = submission(bucket, ("all", "s3://bucket/out/"), TRAIN, inner)
    for key in ("code/x.py", "a", "train/b", "train/inner/c"):
        bucket.put_object(Key=f"out/{key}", Body=b"")
    outputs = complete(job)["outputs"]
    assert {name: [part["file"] for part in outputs[name]["parts"]] for name in outputs} == {
        "all": ["a"],
        "train": ["train/b"],
        "inner": ["train/inner/c"],
    }


def test_a_program_that_writes_a_manifest_of_its_own_is_told(bucket: Any) -> None:
    job = submission(bucket, ("report", "s3://bucket/out/report"))
    bucket.put_object(Key="out/report/manifest.json", Body=b"{}")
    with pytest.raises(JobFailed) as caught:
        complete(job)
    assert str(caught.value) == (
        "an output holds 'report/manifest.json', which headrace itself writes; have the program "
        "give its file another name"
    )


def test_files_of_the_program_beside_the_report_stay_as_they_are(bucket: Any) -> None:
    job = submission(bucket, ("report", "s3://bucket/out/report"))
    bucket.put_object(Key="out/report/log.txt", Body=b"mine")
    complete(job)
    assert objects(bucket, "out/report/")["log.txt"] == b"mine"


@pytest.mark.parametrize("status", ["Failed", "Stopped", "InProgress"])
def test_a_job_that_has_not_completed_gets_no_manifest(
    bucket: Any, sagemaker: Callable[..., Stub], perform: Perform, status: str
) -> None:
    job = submission(bucket, TRAIN)
    bucket.put_object(Key="out/train/a", Body=b"1")
    answer = description(status, ProcessingOutputConfig=job.answer["ProcessingOutputConfig"])
    sagemaker(DescribeProcessingJob=[answer])
    perform("action=describe", "job.name=ctr")
    assert objects(bucket, "out/report/") == {}


def test_the_place_of_another_job_gets_no_manifest(bucket: Any) -> None:
    job = submission(bucket, TRAIN)
    found = submission_of(job, "")
    bucket.put_object(Key=f"out/{RECEIPT}", Body=receipt_of("other", {}, REGION, {}))
    assert found is not None
    with pytest.raises(
        JobFailed, match=r"^another job than 'ctr' writes to s3://bucket/out by now$"
    ):
        complete_program(found, job, REGION)
    assert submission_of(job, "") is None


def test_what_s3_has_a_sha256_of_is_not_read(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program_report, "WORTH_A_NOTE", 1)
    job = submission(bucket, TRAIN)
    bucket.put_object(Key="out/train/a", Body=b"1", ChecksumAlgorithm="SHA256")
    monkeypatch.setattr(reading, "Answer", None)
    (part,) = complete(job)["outputs"]["train"]["parts"]
    assert part["sha256"] == hashlib.sha256(b"1").hexdigest()
    assert capsys.readouterr().err == ""


def test_the_price_of_reading_is_told(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program_report, "WORTH_A_NOTE", 1 << 20)
    job = submission(bucket, TRAIN)
    bucket.put_object(Key="out/train/a", Body=bytes(1 << 20))
    complete(job)
    assert capsys.readouterr().err == (
        "note: 1.05 MB of outputs are read from S3 for their SHA-256, which costs about 0.00 USD "
        "if this machine is not in us-east-1\n"
    )
