"""What tests of jobs on SageMaker need: jobs, log lines, an account where jobs run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import botocore.loaders
import botocore.session
import pytest
from botocore.config import Config
from jsonschema import Draft202012Validator
from omegaconf import DictConfig

from headrace.aws import clients
from headrace.aws.clients import client
from headrace.cli import actions
from headrace.config.compose import compose
from headrace.targets.sagemaker import follow as waiting
from headrace.targets.sagemaker.logs import GROUP
from tests.aws.stub import Answer, Stub
from tests.moto_server import REGION

BEGAN = int(time.time() - 3600) * 1000
"""Of the log lines, in milliseconds; CloudWatch takes neither old ones nor the future's."""
ROLE = "arn:aws:iam::123456789012:role/processing"

Perform = Callable[..., object]


@pytest.fixture(autouse=True, scope="session")
def one_loader() -> Iterator[None]:
    """Every session of boto3 would read the services' models anew, SageMaker's for 0.3 s."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: loader)
        yield


@pytest.fixture(autouse=True)
def schema_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one job, the SDK checks its own schema of its own settings twenty times: a second."""
    monkeypatch.setattr(Draft202012Validator, "check_schema", lambda *_, **__: None)


@pytest.fixture
def perform(composed: Callable[..., DictConfig]) -> Perform:
    """Does what ``python run.py`` does with the same overrides, in this process."""
    return lambda *overrides: actions.perform(compose(composed(*overrides)))


@pytest.fixture
def submitted(aws: str) -> Callable[..., None]:
    """Makes jobs in moto, where each is completed at once."""
    sagemaker = client("sagemaker", REGION)

    def submit(*names: str) -> None:
        for name in names:
            sagemaker.create_processing_job(
                ProcessingJobName=name,
                ProcessingResources={
                    "ClusterConfig": {
                        "InstanceCount": 1,
                        "InstanceType": "ml.m5.xlarge",
                        "VolumeSizeInGB": 30,
                    }
                },
                AppSpecification={"ImageUri": "image:1"},
                RoleArn=ROLE,
            )

    return submit


@pytest.fixture
def sagemaker(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stub]]:
    """A SageMaker that answers what it is told, beside moto; nobody waits long for it."""
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(waiting, "LATE_SECONDS", 0.02)
    monkeypatch.setattr(clients, "PATIENCE", Config(retries={"total_max_attempts": 1}))
    with ExitStack() as stack:

        def answering(**answers: list[Answer]) -> Stub:
            stub = Stub(**answers)
            stack.enter_context(stub.serving())
            monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", stub.address)
            return stub

        yield answering


class Logs:
    """CloudWatch's log lines of the job ``ctr``."""

    def __init__(self) -> None:
        self._client = client("logs", REGION)
        self._streams: set[str] = set()

    def put(self, *texts: str, host: str = "algo-1", at: int = 0, job: str = "ctr") -> None:
        """Add lines of a host, a millisecond apart from each other, from the second `at` on."""
        stream = f"{job}/{host}-1795512600"
        place = {"logGroupName": GROUP, "logStreamName": stream}
        if not self._streams:
            self._client.create_log_group(logGroupName=GROUP)
        if stream not in self._streams:
            self._client.create_log_stream(**place)
            self._streams.add(stream)
        began = BEGAN + at * 1000
        events = [{"timestamp": began + i, "message": text} for i, text in enumerate(texts)]
        self._client.put_log_events(**place, logEvents=events)


@pytest.fixture
def logs(aws: str) -> Logs:
    """The log lines of jobs; nobody has any yet."""
    return Logs()
