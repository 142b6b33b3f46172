"""What the SDK makes of a request is the request; what the service gets is the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace import backends
from headrace.aws.clients import new_client
from headrace.config.compose import Plan
from headrace.config.models import JobConfig
from headrace.config.registry import check_steps
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.job.inputs import DataInput
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.programs import program_of
from headrace.targets.sagemaker import sdk as submission
from tests.programs import jobs as programs

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/service-role/processing"
EVERYTHING = {
    "arguments": ["--fast", "1"],
    "experiment_config": {"ExperimentName": "ctr", "TrialName": "first"},
    "env": {"OMP_NUM_THREADS": "1"},
    "tags": {"team": "ads"},
    "network_isolation": True,
    "kms_key": "arn:aws:kms:us-east-1:123456789012:key/abc",
    "subnets": ["subnet-1", "subnet-2"],
    "security_group_ids": ["sg-1"],
}


BACKENDS: dict[str, dict[str, Any]] = {
    "pyspark": {"framework_version": "3.5", "event_logs": True, "spark": {"executor.cores": 2}}
}


def job(
    backend: str,
    settings: dict[str, Any] | None = None,
    instances: int = 1,
    wheels: Wheels = NO_WHEELS,
) -> Job:
    config = JobConfig.model_validate(
        {
            "backend": {"name": backend, **BACKENDS.get(backend, {})},
            "target": {"name": "aws"},
            "dataset": {"path": "s3://bucket/in/", "label": "click"},
            "transform": {"steps": {"split": {}, "feature_hasher": {}}},
            "output": {"path": "s3://bucket/out"},
            "resources": {"instance_count": instances, "max_runtime_minutes": 7},
            "job": {"role": ROLE, **(settings or {})},
        }
    )
    chain, problems = check_steps(config.transform.steps)
    assert problems == []
    plan = Plan(config, tuple(chain))
    return compile_job(
        plan,
        backends.backend_of(config.backend),
        program_of(plan),
        {"data": DataInput("s3://bucket/in/")},
        "ctr-1",
        NoAccount(config),
        wheels,
    )


JOBS = [
    job("sklearn"),
    job("script", {"kms_key": EVERYTHING["kms_key"]}),
    job("processor", {"network_isolation": True}),
    job("sklearn", EVERYTHING, instances=2),
    job("processor", EVERYTHING),
    job("sklearn", wheels={"a.whl": b""}),
    job("processor", wheels={"a.whl": b""}),
    job("pyspark", instances=4),
    job("pyspark", EVERYTHING, wheels={"a.whl": b""}),
]


INPUTS: dict[str, dict[str, Any]] = {
    "customers": {"path": "s3://bucket/customers/"},
    "model": {"path": "s3://bucket/model.tar.gz", "at": "/opt/ml/processing/model"},
    "logs": {"path": "s3://bucket/logs/", "sharded": True},
}
OUTPUTS: dict[str, Any] = {
    "train": {},
    "evaluation": {"at": "/opt/ml/processing/evaluation", "upload": "Continuous"},
}


def own(backend: str, program: dict[str, Any], **groups: Any) -> Job:
    """A job of a program of the user's own."""
    wanted = programs.plan(
        backend={"name": backend, "image_uri": "mine:1", "region": REGION},
        program=program,
        inputs=INPUTS,
        outputs=OUTPUTS,
        output={"path": "s3://bucket/out"},
        **groups,
    )
    found = {name: DataInput(str(given["path"])) for name, given in INPUTS.items()}
    return programs.made(wanted, found)


FIT = {"name": "script", "path": "s3://bucket/code/fit.py", "arguments": {"split": 0.8, "v": True}}
IMAGE = {"name": "image", "arguments": ["--all"], "entrypoint": ["/bin/tool", "run"]}
JOBS += [
    own("sklearn", FIT),
    own("script", {**FIT, "command": ["Rscript"]}, job={**EVERYTHING, "encrypt_traffic": True}),
    own("pyspark", FIT, resources={"instance_count": 2}),
    own("processor", IMAGE),
    own("processor", {"name": "image"}, job={"volume_kms_key": "k1", "output_kms_key": "k2"}),
]


def without_false(value: Any) -> Any:
    """The SDK leaves out what is false, which the service takes for false; SDK 2.x did not."""
    if isinstance(value, dict):
        return {key: without_false(each) for key, each in value.items() if each is not False}
    return [without_false(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("job", JOBS, ids=range(len(JOBS)))
def test_what_reaches_the_service_is_the_request(
    aws: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagemaker = new_client("sagemaker", REGION)
    made, sent = [], []
    events = sagemaker.meta.events
    operation = "sagemaker.CreateProcessingJob"
    events.register(f"provide-client-params.{operation}", lambda params, **_: made.append(params))
    events.register(f"before-send.{operation}", lambda request, **_: sent.append(request.body))
    monkeypatch.setattr(submission, "new_client", lambda *_: sagemaker)
    submission.submit(job.request, REGION)
    assert made == [without_false(job.request)], "the SDK makes another request than we do"
    assert [json.loads(body) for body in sent] == [job.request]
    described = sagemaker.describe_processing_job(ProcessingJobName=job.name)
    known = described.keys() & job.request.keys()
    assert {key: described[key] for key in known} == {key: job.request[key] for key in known}
    assert len(known) > 4


def test_the_sdk_reports_to_nobody(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sagemaker.core.telemetry import telemetry_logging

    monkeypatch.setattr(telemetry_logging, "_send_telemetry_request", pytest.fail)
    submission.submit(job("script").request, REGION)
