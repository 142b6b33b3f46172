"""What the SDK makes of a request is the request; what the service gets is the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace import backends
from headrace.aws.clients import client
from headrace.config.compose import Plan
from headrace.config.models import JobConfig
from headrace.config.registry import check_steps
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.job.inputs import DataInput
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.targets.sagemaker import sdk as submission

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
        DataInput("s3://bucket/in/"),
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


def without_false(value: Any) -> Any:
    """The SDK leaves out what is false, which the service takes for false; SDK 2.x did not."""
    if isinstance(value, dict):
        return {key: without_false(each) for key, each in value.items() if each is not False}
    return [without_false(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("job", JOBS, ids=range(len(JOBS)))
def test_what_reaches_the_service_is_the_request(
    aws: str, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    sagemaker = client("sagemaker", REGION)
    made, sent = [], []
    events = sagemaker.meta.events
    operation = "sagemaker.CreateProcessingJob"
    events.register(f"provide-client-params.{operation}", lambda params, **_: made.append(params))
    events.register(f"before-send.{operation}", lambda request, **_: sent.append(request.body))
    monkeypatch.setattr(submission, "client", lambda *_: sagemaker)
    submission.submit(job.request, REGION)
    assert made == [without_false(job.request)], "the SDK makes another request than we do"
    assert [json.loads(body) for body in sent] == [job.request]
    described = sagemaker.describe_processing_job(ProcessingJobName="ctr-1")
    known = described.keys() & job.request.keys()
    assert {key: described[key] for key in known} == {key: job.request[key] for key in known}
    assert len(known) > 4


def test_the_sdk_reports_to_nobody(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sagemaker.core.telemetry import telemetry_logging

    monkeypatch.setattr(telemetry_logging, "_send_telemetry_request", pytest.fail)
    submission.submit(job("script").request, REGION)
