"""Flows on SageMaker: pipelines are made once, started, followed, listed and stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from headrace import compile_flow
from headrace.aws.account import AwsAccount
from headrace.aws.clients import client
from headrace.aws.s3 import with_prefix
from headrace.cli.actions import flow as flow_actions
from headrace.cli.actions import flow_on_aws
from headrace.errors import ConfigError, JobFailed
from headrace.flow import service as services
from headrace.flow.digests import digests_of
from headrace.flow.flow import Flow
from headrace.flow.pipeline import Pipeline, pipeline_of
from headrace.flow.service import DIGEST, PipelineService
from headrace.prepare import prepare
from tests.aws.conftest import ROLE
from tests.aws.stub import Stub
from tests.flow.flows import project
from tests.moto_server import ACCOUNT, REGION

EXECUTION = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/ctr/execution/abc123"
AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC).timestamp()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


@pytest.fixture
def bucket(aws: str) -> str:
    client("s3", REGION).create_bucket(Bucket="results")
    document = '{"Version": "2012-10-17", "Statement": []}'
    client("iam").create_role(RoleName="processing", AssumeRolePolicyDocument=document)
    return "s3://results/ctr"


@pytest.fixture
def flow(here: Path, bucket: str) -> Flow:
    return made()


def made(*overrides: str) -> Flow:
    common = ["flow=ctr", "target=aws", "output.path=s3://results/ctr", f"job.role={ROLE}"]
    return compile_flow(*common, *overrides).flow


def of(flow: Flow) -> Pipeline:
    return pipeline_of(flow, AwsAccount(flow.jobs["fit"].configured.config))


def test_a_pipeline_is_made_once_and_updated_when_it_is_another(flow: Flow) -> None:
    service = PipelineService("ctr", REGION)
    pipeline = of(flow)
    assert service.put(pipeline, ROLE) == "created"
    assert {each.uri for each in with_prefix("s3://results/ctr/code/")} == set(pipeline.files)
    assert len(pipeline.files) == 4
    sagemaker = client("sagemaker", REGION)
    there = sagemaker.describe_pipeline(PipelineName="ctr")
    assert json.loads(there["PipelineDefinition"]) == pipeline.definition
    assert there["RoleArn"] == ROLE
    assert service.put(pipeline, ROLE) == "unchanged"
    new = "s3://results/ctr/code/new/fit.py"
    definition = {**pipeline.definition, "Steps": pipeline.definition["Steps"][:1]}
    other = replace(pipeline, definition=definition, files={**pipeline.files, new: b"# another"})
    assert service.put(other, ROLE) == "updated"
    again = sagemaker.describe_pipeline(PipelineName="ctr")
    assert json.loads(again["PipelineDefinition"]) == other.definition
    assert new in {each.uri for each in with_prefix("s3://results/ctr/code/")}
    assert service.put(other, ROLE) == "unchanged"


def test_a_name_that_is_taken_is_refused(flow: Flow) -> None:
    client("sagemaker", REGION).create_pipeline(
        PipelineName="ctr", PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="x" * 32
    )
    with pytest.raises(ConfigError) as caught:
        PipelineService("ctr", REGION).put(of(flow), ROLE)
    assert [str(each) for each in caught.value.problems] == [
        "flow.name: a pipeline is called 'ctr' already, and headrace has not made it; choose "
        "another name"
    ]
    assert list(with_prefix("s3://results/ctr/")) == []


def test_parameters_that_were_typed_start_an_execution(here: Path, bucket: str) -> None:
    text = (here / "conf/flow/ctr.yaml").read_text()
    changed = text.replace("inputs.raw=data", "inputs.raw=s3://results/logs/${param:day}/")
    (here / "conf/flow/ctr.yaml").write_text(changed)
    client("s3").put_object(Bucket="results", Key="logs/2014-10-22/x.csv", Body=b"a")
    pipeline = of(made("flow.parameters.day=2014-10-22"))
    assert pipeline.definition["Parameters"] == [
        {"Name": "day", "Type": "String", "DefaultValue": "2014-10-21"},
        {"Name": "depth", "Type": "Integer", "DefaultValue": 3},
    ]
    assert pipeline.start_values() == {"day": "2014-10-22"}
    service = PipelineService("ctr", REGION)
    service.put(pipeline, ROLE)
    arn = service.start(pipeline.start_values())
    given = client("sagemaker", REGION).list_pipeline_parameters_for_execution(
        PipelineExecutionArn=arn
    )
    assert given["PipelineParameters"] == [{"Name": "day", "Value": "2014-10-22"}]
    assert service.newest() == arn
    assert service.newest(arn[-4:]) == arn
    header, row = service.executions()
    assert header.split() == ["execution", "status", "started", "(UTC)", "took"]
    assert row.startswith(arn.rpartition("/")[2])


def test_what_is_not_there_is_told(aws: str) -> None:
    service = PipelineService("none", REGION)
    with pytest.raises(ConfigError) as caught:
        service.newest()
    assert [str(each) for each in caught.value.problems] == [
        f"flow: there is no pipeline 'none' in {REGION}; action=pipeline target=aws makes it"
    ]


def step(name: str, status: str, **more: Any) -> dict[str, Any]:
    job = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/pipelines-{name}"
    metadata = {"Metadata": {"ProcessingJob": {"Arn": job}}}
    ended = {"EndTime": AT + 60} if status in ("Succeeded", "Failed") else {}
    return {"StepName": name, "StepStatus": status, "StartTime": AT, **metadata, **ended, **more}


def status(name: str) -> dict[str, Any]:
    return {"PipelineExecutionArn": EXECUTION, "PipelineExecutionStatus": name}


def steps(*each: dict[str, Any]) -> dict[str, Any]:
    return {"PipelineExecutionSteps": list(each)}


def test_an_execution_is_followed_with_the_lines_of_its_steps(
    sagemaker: Callable[..., Stub], logs: Any, flow: Flow, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(services, "POLL_SECONDS", 0.01)
    logs.put("reading", job="pipelines-prepare")
    hit = step("prepare", "Succeeded")
    cached = step("fit", "Succeeded", CacheHitResult={"SourcePipelineExecutionArn": EXECUTION})
    listed = [steps(step("prepare", "Executing")), steps(hit, cached), steps(hit, cached)]
    sagemaker(
        StartPipelineExecution=[status("Executing")],
        DescribePipelineExecution=[status("Executing"), status("Succeeded")],
        ListPipelineExecutionSteps=listed,
    )
    monkeypatch.setattr(flow_actions, "folder_of", lambda _: tmp_path)
    service = PipelineService("ctr", REGION)
    flow_on_aws._follow(service, service.start({"day": "x"}), flow)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"started {EXECUTION}",
        "prepare: running",
        "prepare: done, 60 s",
        "fit: unchanged, 60 s",
    ]
    lines = said.out.splitlines()
    assert lines[0] == "prepare: reading"
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["job", "state"], ["prepare", "done"], ["fit", "unchanged"], ["judge", "blocked"],
    ]  # fmt: skip
    page = (tmp_path / "flow.html").read_text()
    assert EXECUTION in page
    assert page.count('class="job done"') == 1


def test_a_failed_execution_says_which_step_and_why(
    sagemaker: Callable[..., Stub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "POLL_SECONDS", 0.01)
    failed = step("fit", "Failed", FailureReason="ClientError: no such file")
    sagemaker(
        DescribePipelineExecution=[status("Failed")],
        ListPipelineExecutionSteps=[steps(step("prepare", "Succeeded"), failed)],
    )
    with pytest.raises(JobFailed) as caught:
        PipelineService("ctr", REGION).follow(EXECUTION, lambda _: None)
    assert str(caught.value) == ("the execution abc123 failed: fit: ClientError: no such file")


def test_an_execution_is_stopped_unless_it_has_ended(sagemaker: Callable[..., Stub]) -> None:
    stub = sagemaker(
        DescribePipelineExecution=[status("Executing"), status("Stopped")],
        StopPipelineExecution=[{"PipelineExecutionArn": EXECUTION}],
    )
    service = PipelineService("ctr", REGION)
    assert service.stop(EXECUTION) == "abc123: is being stopped"
    assert service.stop(EXECUTION) == "abc123: nothing to stop, it ended: Stopped"
    assert [name for name, _ in stub.asked].count("StopPipelineExecution") == 1


def test_the_action_makes_it_and_starts_nothing_unasked(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow_on_aws, "_follow", lambda *_: pytest.fail("not started"))
    account = AwsAccount(flow.jobs["fit"].configured.config)
    flow_on_aws.put(flow, OmegaConf.create({"start": False}), of(flow), account)
    assert capsys.readouterr().out == f"ctr: created in {REGION}\n"
    sagemaker = client("sagemaker", REGION)
    there = sagemaker.describe_pipeline(PipelineName="ctr")
    tags = sagemaker.list_tags(ResourceArn=there["PipelineArn"])["Tags"]
    assert [tag["Key"] for tag in tags] == [DIGEST]


def test_of_a_list_on_s3_only_what_it_names_counts(bucket: str, here: Path) -> None:
    def put(name: str, text: str) -> None:
        client("s3").put_object(Bucket="results", Key=name, Body=text.encode())

    (here / "conf/flow/one.yaml").write_text("jobs: {prepare: []}\n")
    put("a/x.csv", "click,site\n0,a\n")
    put("b/y.csv", "click,site\n1,b\n")
    named = "dataset.path=[s3://results/a/x.csv,s3://results/b/y.csv]"
    columns = ["dataset=csv", "dataset.label=click", "dataset.categorical=[site]"]
    place = [f"output.path={bucket}", f"job.role={ROLE}", "target=aws"]
    plan = compile_flow("flow=one", named, *columns, *place).flow.jobs["prepare"].configured

    def digest() -> str:
        return digests_of(prepare(plan, dry=True), {}, {}, strict=False)["data"]

    before = digest()
    put("c/z.csv", "click,site\n1,c\n")
    assert digest() == before
    put("b/y.csv", "click,site\n0,b\n")
    assert digest() != before
