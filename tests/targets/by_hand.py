"""Jobs written by hand: the local target must execute any request, not only ours."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

from headrace.config.models import JobConfig
from headrace.job.job import Job, Program
from headrace.results.result import Result
from headrace.runtime.spec import DatasetSpec, JobSpec, OutputSpec, RuntimeSpec
from headrace.targets.local.target import LocalTarget
from headrace.uris import uri_of

CODE = "/opt/ml/processing/input/code"
DATA = "/opt/ml/processing/input/data"
OUTPUT = "/opt/ml/processing/output"

WRITE_RESULT = """
import hashlib, json, os, pathlib
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
out = ml / "processing/output"
content = b"12345"
(out / "train/part-00000.npz").write_bytes(content)
part = {"file": "train/part-00000.npz", "bytes": 5, "sha256": hashlib.sha256(content).hexdigest()}
manifest = {
    "channels": {"train": {"rows": 2, "parts": [part]}},
    "files": ["code/entry.pyz", "report/manifest.json", "request.json", "train/part-00000.npz"],
}
text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
(out / "report/manifest.json").write_text(json.dumps(manifest))
"""


def data_input(
    uri: str, kind: str = "S3Prefix", distribution: str = "FullyReplicated"
) -> dict[str, Any]:
    return {
        "InputName": "data",
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": DATA,
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
            "S3CompressionType": "None",
        },
    }


def make_job(
    output: Path | str,
    script: str,
    *,
    inputs: tuple[dict[str, Any], ...] = (),
    instances: int = 1,
    outputs: tuple[str, ...] = ("train", "report"),
    **request: object,
) -> Job:
    place = uri_of(str(output))
    code = data_input(f"{place}/code/entry.pyz")
    code["InputName"] = "code"
    code["S3Input"]["LocalPath"] = CODE
    targets = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": f"{place}/{name}",
                "LocalPath": f"{OUTPUT}/{name}",
                "S3UploadMode": "EndOfJob",
            },
        }
        for name in outputs
    ]
    complete: dict[str, Any] = {
        "ProcessingJobName": "job-1",
        "ProcessingInputs": [*inputs, code],
        "ProcessingOutputConfig": {"Outputs": targets},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.xlarge",
                "InstanceCount": instances,
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "AppSpecification": {
            "ImageUri": "example",
            "ContainerEntrypoint": ["python3", f"{CODE}/entry.pyz"],
        },
        "RoleArn": "arn:aws:iam::000000000000:role/headrace-local",
        **request,
    }
    spec = JobSpec(DatasetSpec(), (), OutputSpec(), RuntimeSpec())
    files = {"code/entry.pyz": dedent(script).encode()}
    return Job(complete, files, Program("chain", spec))


def make_script(
    output: Path | str, text: str, outputs: tuple[str, ...] = ("train",), **more: Any
) -> Job:
    """A job of a user's own script."""
    job = make_job(output, text, outputs=outputs, **more)
    sha256 = hashlib.sha256(job.files["code/entry.pyz"]).hexdigest()
    return replace(job, program=Program("script", path="/x.py", entry="x.py", sha256=sha256))


def make_config(output: Path | str, *, overwrite: bool = False, logs: bool = True) -> JobConfig:
    return JobConfig.model_validate(
        {
            "backend": {"name": "script"},
            "target": {"name": "local"},
            "dataset": {"path": "/data", "label": None},
            "transform": {"steps": {"mine": None}},
            "output": {"path": str(output), "overwrite": overwrite},
            "job": {"logs": logs},
        }
    )


def everything_below(path: Path) -> list[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*"))


def run_here(job: Job, output: Path | str, **settings: Any) -> Result:
    config = make_config(output, **settings)
    LocalTarget().check(job, config)
    return LocalTarget().run(job, config)
