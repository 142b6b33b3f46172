"""A flow whose jobs run on SageMaker: its records lie on S3, and it goes on from there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from headrace import compile_flow, targets
from headrace.aws.clients import client
from headrace.aws.s3 import bucket_and_key
from headrace.config.models import JobConfig
from headrace.errors import ConfigError
from headrace.flow.store import Record, Store
from headrace.job.job import Job
from headrace.results.program_manifest import Part, Ran, program_manifest
from headrace.results.result import Result
from headrace.results.whole_files import json_text
from tests.aws.conftest import ROLE
from tests.flow.flows import project
from tests.moto_server import REGION

JOBS = ["prepare", "fit", "judge"]
FLOW = [
    "flow=ctr", "target=aws", "output.path=s3://results/ctr", f"job.role={ROLE}",
    "~flow.when.judge",
]  # fmt: skip


def put(uri: str, content: bytes) -> None:
    bucket, key = bucket_and_key(uri)
    client("s3", REGION).put_object(Bucket=bucket, Key=key, Body=content)


def done_by_sagemaker(job: Job, config: JobConfig) -> Result:
    """Leave a result on S3 as a job of SageMaker's does."""
    part, parts = Path("part.txt"), {}
    part.write_text("rows")
    for channel in job.view.outputs:
        put(f"{channel.uri}/part.txt", part.read_bytes())
        parts[channel.name] = [Part.of(f"{channel.name}/part.txt", part)]
    ran, place = Ran("script", "x.py", job.program.sha256, {}), config.output.path
    manifest = program_manifest(ran, job.view, place, parts, {})
    put(f"{place}/report/manifest.json", json_text(manifest).encode())
    return Result(place, manifest, 0.1, ())


def test_a_flow_goes_on_from_s3_and_reads_each_record_once(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    client("s3", REGION).create_bucket(Bucket="results")
    client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument="{}")
    monkeypatch.setattr(targets, "run", done_by_sagemaker)
    asked, read = Counter[str](), Store.read

    def counted(self: Store, label: str) -> Record | None:
        asked[label] += 1
        return read(self, label)

    monkeypatch.setattr(Store, "read", counted)

    def states() -> dict[str, str]:
        asked.clear()
        return {label: each.said for label, each in compile_flow(*FLOW).run().items()}

    assert states() == dict.fromkeys(JOBS, "done")
    assert asked == dict.fromkeys(JOBS, 1)
    assert states() == dict.fromkeys(JOBS, "unchanged")
    assert asked == dict.fromkeys(JOBS, 1)
    Path("fit.py").write_text("# better\n")
    assert states() == {"prepare": "unchanged", "fit": "done", "judge": "done"}
    assert asked == dict.fromkeys(JOBS, 1)
    put("s3://results/ctr/fit/model/part.txt", b"longer than before")
    with pytest.raises(ConfigError) as caught:
        states()
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.fit: output.path: the prefix 's3://results/ctr/fit': 'model/part.txt' changed "
        "since it was written, so it is not replaced; move it away or choose another prefix"
    ]
