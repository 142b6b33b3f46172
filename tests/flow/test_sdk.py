"""A job as a step of the SageMaker SDK: the same as the SDK's own step of the same job."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest

from headrace import compile, compile_flow
from headrace.config.defaults import PROJECT
from headrace.errors import ConfigError
from headrace.flow.flow import Flow
from headrace.flow.pipeline import Pipeline, pipeline_of
from tests.flow import sdk

needs_sdk = pytest.mark.skipif(
    find_spec("sagemaker") is None or find_spec("sagemaker.mlops") is None,
    reason="needs the umbrella SDK, the extra 'sagemaker'",
)
ROLE = "arn:aws:iam::123456789012:role/processing"
INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / "fit.py").write_text("print('fit')\n")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "x.csv").write_text("1\n")
    program = ["program=script", "program.path=fit.py", "program.arguments.depth=3"]
    return compile(*program, "inputs.rows=rows", "outputs=[model]", f"job.role={ROLE}")


@needs_sdk
@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_the_step_is_that_of_the_sdk(job: Any) -> None:
    steps = importlib.import_module("sagemaker.mlops.workflow.steps")
    pipelines = importlib.import_module("sagemaker.mlops.workflow.pipeline")
    processing = importlib.import_module("sagemaker.core.processing")
    context = importlib.import_module("sagemaker.core.workflow.pipeline_context")
    shapes = importlib.import_module("sagemaker.core.shapes")
    ours = job.step("fit", upload=False, cache="P30D").to_request()
    uris = {
        each["InputName"]: each["S3Input"]["S3Uri"]
        for each in ours["Arguments"]["ProcessingInputs"]
    }
    session = context.PipelineSession(
        boto_session=boto3.Session(region_name="us-east-1"), default_bucket="bucket"
    )
    processor = processing.ScriptProcessor(
        role=ROLE,
        image_uri=job.job.view.image,
        command=["python3"],
        instance_type="ml.m5.xlarge",
        instance_count=1,
        volume_size_in_gb=30,
        max_runtime_in_seconds=7200,
        sagemaker_session=session,
    )
    source = shapes.ProcessingS3Input(
        s3_uri=uris["rows"],
        local_path=f"{INPUT}/rows",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
        s3_data_distribution_type="FullyReplicated",
        s3_compression_type="None",
    )
    place = shapes.ProcessingS3Output(
        s3_uri="s3://bucket/model", local_path=f"{OUTPUT}/model", s3_upload_mode="EndOfJob"
    )
    arguments = processor.run(
        code=uris["code"],
        inputs=[shapes.ProcessingInput(input_name="rows", s3_input=source)],
        outputs=[shapes.ProcessingOutput(output_name="model", s3_output=place)],
        arguments=["--depth", "3"],
    )
    cache = steps.CacheConfig(enable_caching=True, expire_after="P30D")
    theirs = steps.ProcessingStep("fit", step_args=arguments, cache_config=cache)
    definition = json.loads(pipelines.Pipeline(name="x", steps=[theirs]).definition())
    (wanted,) = definition["Steps"]
    (output,) = ours["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"].pop("S3Uri").keys() == {"Std:Join"}
    wanted["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"].pop("S3Uri")
    assert without(ours, "AppManaged") == without(wanted, "AppManaged")


@needs_sdk
@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_steps_feed_each_other(job: Any) -> None:
    pipelines = importlib.import_module("sagemaker.mlops.workflow.pipeline")
    fit = job.step("fit", upload=False)
    model = fit.properties.ProcessingOutputConfig.Outputs["model"].S3Output.S3Uri
    judge = job.step("judge", upload=False, inputs={"rows": model})
    definition = json.loads(pipelines.Pipeline(name="x", steps=[fit, judge]).definition())
    source = definition["Steps"][1]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    assert source == {"Get": "Steps.fit.ProcessingOutputConfig.Outputs['model'].S3Output.S3Uri"}


@needs_sdk
@pytest.mark.filterwarnings("ignore")  # the SDK's own
def test_a_pipeline_is_that_of_the_sdk(
    compiled: tuple[Flow, Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    flow, ours = compiled
    assert without(ours.definition, "AppManaged") == sdk.definition(flow, ours)


@needs_sdk
@pytest.mark.filterwarnings("ignore")  # the SDK's own
@pytest.mark.parametrize(("folder", "name"), [("ctr", "ctr"), ("three_scripts", "churn")])
def test_an_example_is_what_the_sdk_makes_of_it(
    folder: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(PROJECT / "examples" / folder)
    flow = compile_flow(f"flow={name}", "output.path=s3://results/x", f"job.role={ROLE}").flow
    ours = pipeline_of(flow)
    assert without(ours.definition, "AppManaged") == sdk.definition(flow, ours)


def test_a_step_of_a_job_without_that_input_is_refused(job: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        job.step("fit", upload=False, inputs={"row": "s3://bucket/x"})
    assert [str(each) for each in caught.value.problems] == [
        "inputs: the job has no input 'row'; did you mean 'rows'?"
    ]


@pytest.mark.skipif(find_spec("sagemaker.mlops") is not None, reason="the extra is installed")
def test_without_the_sdk_one_line_says_what_is_missing(job: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        job.step("fit", upload=False)
    assert [str(each) for each in caught.value.problems] == [
        "step(): needs the umbrella SDK, which is an extra: pip install 'headrace[sagemaker]' "
        "(or sagemaker)"
    ]


def without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: without(each, key) for name, each in value.items() if name != key}
    return [without(each, key) for each in value] if isinstance(value, list) else value
