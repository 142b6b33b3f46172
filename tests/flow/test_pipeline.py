"""A flow as the definition of a SageMaker pipeline; the SDK's own objects are the oracle."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from omegaconf import OmegaConf

from headrace import compile, compile_flow
from headrace.aws.request import RequestView
from headrace.cli.actions.flow import ACTIONS
from headrace.config.flow import FlowConfig
from headrace.errors import ConfigError
from headrace.flow.arguments import joined
from headrace.flow.conditions import json_path, keys_of
from headrace.flow.flow import Flow, FlowJob, of_one
from headrace.flow.permissions import policy_of
from headrace.flow.pipeline import Pipeline, pipeline_of
from headrace.flow.steps import Steps, decided_by
from headrace.job.account import OnPaper
from tests.flow.conftest import ROLE
from tests.flow.flows import project


@pytest.fixture(scope="module")
def pipeline(compiled: tuple[Flow, Pipeline]) -> Pipeline:
    return compiled[1]


@pytest.fixture(scope="module")
def steps(pipeline: Pipeline) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for step in pipeline.definition["Steps"]:
        found[step["Name"]] = step
        found |= {each["Name"]: each for each in step["Arguments"].get("IfSteps", ())}
    return found


def view(step: dict[str, Any]) -> RequestView:
    return RequestView(step["Arguments"])


def uris(step: dict[str, Any]) -> dict[str, Any]:
    request = view(step)
    inputs = {each.name: each.uri for each in request.inputs}
    return {**inputs, **{each.name: each.uri for each in request.outputs}}


def output(step: str, name: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


def parameter(name: str) -> dict[str, str]:
    return {"Get": f"Parameters.{name}"}


def join(on: str, *values: object) -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def test_the_definition_has_what_the_service_wants(pipeline: Pipeline) -> None:
    definition = json.loads(pipeline.text)
    assert definition == pipeline.definition
    assert {key: definition[key] for key in definition if key != "Steps"} == {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": "day", "Type": "String", "DefaultValue": "2014-10-21"},
            {"Name": "depth", "Type": "Integer", "DefaultValue": 3},
            {"Name": "floor", "Type": "Float", "DefaultValue": 0.7},
            {"Name": "machine", "Type": "String", "DefaultValue": "ml.m5.xlarge"},
        ],
        "PipelineExperimentConfig": {
            "ExperimentName": {"Get": "Execution.PipelineName"},
            "TrialName": {"Get": "Execution.PipelineExecutionId"},
        },
    }
    assert pipeline.fixed == ("width",)  # it is in the code


def test_a_step_is_the_request_without_its_name(pipeline: Pipeline, steps: dict[str, Any]) -> None:
    step = steps["fit"]
    assert {key: step[key] for key in step if key != "Arguments"} == {
        "Name": "fit",
        "Type": "Processing",
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
        "PropertyFiles": [
            {
                "PropertyFileName": "report-metrics-json",
                "OutputName": "report",
                "FilePath": "metrics.json",
            }
        ],
        "RetryPolicies": [
            {
                "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
                "IntervalSeconds": 1,
                "BackoffRate": 2.0,
                "MaxAttempts": 3,
            }
        ],
    }
    assert set(step["Arguments"]) == set(pipeline.requests["fit"].raw) - {"ProcessingJobName"}
    assert view(step).role == "arn:aws:iam::123456789012:role/processing"
    assert set(steps["last"]) == {"Name", "Type", "Arguments", "DependsOn"}
    assert steps["last"]["DependsOn"] == ["train"]


def resolved(value: Any, defaults: dict[str, Any]) -> Any:
    """Return arguments with values in the place of expressions, as an execution has them."""
    if isinstance(value, list):
        return [resolved(each, defaults) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Std:Join"}:
        found = value["Std:Join"]
        return found["On"].join(str(resolved(each, defaults)) for each in found["Values"])
    if value.keys() == {"Get"}:
        return defaults.get(value["Get"].removeprefix("Parameters."), "s3://somewhere")
    return {key: resolved(each, defaults) for key, each in value.items()}


NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
"""Of steps and parameters, in the public schema of definitions."""


def test_the_service_takes_what_an_execution_makes_of_the_arguments(
    pipeline: Pipeline, steps: dict[str, Any]
) -> None:
    session = botocore.session.get_session()
    shape = session.get_service_model("sagemaker").operation_model("CreateProcessingJob")
    parameters = pipeline.definition["Parameters"]
    defaults = {each["Name"]: each["DefaultValue"] for each in parameters}
    labels = [name for name, step in steps.items() if step["Type"] == "Processing"]
    assert labels == ["prepare", "fit", "judge", "last"]
    for label in labels:
        arguments = {"ProcessingJobName": "x", **resolved(steps[label]["Arguments"], defaults)}
        report = ParamValidator().validate(arguments, shape.input_shape)
        assert not report.has_errors(), report.generate_report()
    assert all(NAME.fullmatch(name) for name in (*steps, *defaults))


def test_what_varies_is_an_expression(steps: dict[str, Any]) -> None:
    prepare, fit = view(steps["prepare"]), view(steps["fit"])
    data = uris(steps["prepare"])["data"]
    assert data == join("", "s3://logs/", parameter("day"), "/part-", parameter("depth"), "/")
    assert prepare.cluster_fields["InstanceType"] == parameter("machine")
    assert prepare.environment["DAY"] == parameter("day")  # type: ignore[comparison-overlap]
    assert fit.cluster_fields["InstanceCount"] == parameter("depth")
    assert list(fit.arguments) == ["--depth", join("", parameter("depth"))]  # always a text


def test_jobs_read_where_others_wrote_and_write_where_nobody_did(steps: dict[str, Any]) -> None:
    assert uris(steps["fit"])["rows"] == output("prepare", "train")
    assert uris(steps["judge"])["model"] == join("/", output("fit", "model"), "model.tar.gz")
    execution = {"Get": "Execution.PipelineExecutionId"}
    assert uris(steps["fit"])["model"] == join("/", "s3://results/ctr", execution, "fit/model")


def test_code_lies_where_its_content_says(
    pipeline: Pipeline, steps: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (here / "fit.py").read_bytes()
    place = f"s3://results/ctr/code/{hashlib.sha256(content).hexdigest()}/fit.py"
    assert uris(steps["fit"])["code"] == place
    assert pipeline.files[place] == content
    monkeypatch.chdir(here)
    typed = ["program=script", "program.path=fit.py", "outputs=[model]", ROLE]
    other = pipeline_of(of_one("other", typed, "s3://elsewhere/x"))
    place = place.replace("s3://results/ctr", "s3://elsewhere/x")
    assert other.files == {place: content}


def test_a_condition_holds_what_it_decides_on(pipeline: Pipeline, steps: dict[str, Any]) -> None:
    assert [step["Name"] for step in pipeline.definition["Steps"]] == [
        "prepare", "fit", "judge-condition", "train",
    ]  # fmt: skip
    condition = steps["judge-condition"]
    assert condition["Type"] == "Condition"
    arguments = condition["Arguments"]
    assert [each["Name"] for each in arguments["IfSteps"]] == ["judge", "last"]
    assert arguments["ElseSteps"] == [
        {
            "Name": "judge-not-met",
            "Type": "Fail",
            "Arguments": {
                "ErrorMessage": join(
                    "",
                    "judge does not run: scores.0.auc of fit.report/metrics.json is not at least ",
                    parameter("floor"),
                )
            },
        }
    ]
    assert arguments["Conditions"] == [
        {
            "Type": "GreaterThanOrEqualTo",
            "LeftValue": {
                "Std:JsonGet": {
                    "PropertyFile": {"Get": "Steps.fit.PropertyFiles.report-metrics-json"},
                    "Path": "scores[0].auc",
                }
            },
            "RightValue": parameter("floor"),
        }
    ]


def test_a_raw_step_is_passed_through(steps: dict[str, Any]) -> None:
    source = {"S3DataSource": {"S3Uri": output("prepare", "train")}}
    assert steps["train"] == {
        "Name": "train",
        "Type": "Training",
        "Arguments": {
            "InputDataConfig": [{"DataSource": source}],
            "HyperParameters": {
                "depth": parameter("depth"),
                "day": join("", "on-", parameter("day")),
            },
        },
        "DependsOn": ["fit"],
    }
    model = {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}
    assert uris(steps["last"])["model"] == model


def test_the_policy_covers_all_jobs(pipeline: Pipeline) -> None:
    account = OnPaper("us-east-1", "123456789012", ROLE.partition("=")[2])
    statements = {each["Sid"]: each for each in policy_of(pipeline, account)["Statement"]}
    assert "arn:aws:s3:::results/ctr/*/prepare/train/*" in statements["WriteOutputs"]["Resource"]
    assert "arn:aws:s3:::results/ctr/code/*" in statements["ReadInputs"]["Resource"]
    assert "arn:aws:s3:::logs/*/part-*/*" in statements["ReadInputs"]["Resource"]
    prefixes = statements["List2"]["Condition"]["StringLike"]["s3:prefix"]
    assert {"ctr/code/*", "ctr/*/fit/model/*"} <= set(prefixes)
    assert list(statements) == [
        "ReadInputs", "List1", "List2", "WriteOutputs", "PullImage", "LogInToRegistry",
        "WriteLogs", "WriteMetrics", "RunSteps", "PassRole",
    ]  # fmt: skip
    assert statements["PassRole"]["Resource"] == [account.role_arn]
    assert "sagemaker:CreateProcessingJob" in statements["RunSteps"]["Action"]
    assert len(statements) == len(policy_of(pipeline, account)["Statement"])
    assert all(sid.isalnum() for sid in statements)


LISTS = """\
jobs:
  prepare: [dataset=avazu, transform=time_hashing, "dataset.path=[s3://logs/a/x.csv,s3://logs/b/]"]
  fit:
    - program=script
    - program.path=fit.py
    - inputs.rows.path=s3://logs/rows.manifest
    - inputs.rows.data_type=ManifestFile
    - outputs=[model]
"""


def test_the_policy_has_what_a_list_of_paths_names_and_notes_what_a_manifest_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project(tmp_path, LISTS))
    flow = compile_flow("flow=ctr", "output.path=s3://results/ctr", ROLE).flow
    ACTIONS["policy"](flow, OmegaConf.create())
    said = capsys.readouterr()
    statements = {each["Sid"]: each for each in json.loads(said.out)["Statement"]}
    assert set(statements["ReadInputs"]["Resource"]) == {
        "arn:aws:s3:::logs/a/x.csv*", "arn:aws:s3:::logs/b/*", "arn:aws:s3:::logs/rows.manifest*",
        "arn:aws:s3:::results/ctr/code/*",
    }  # fmt: skip
    assert said.err == (
        "note: flow.jobs.fit: inputs.rows: the objects that its manifest lists are not in the "
        "policy; add them\n"
    )


def test_raw_steps_alone_have_a_policy_but_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = "jobs: {train: {raw: {Type: Training, Arguments: {}}}}"
    monkeypatch.chdir(project(tmp_path, raw))
    flow = compile_flow("flow=ctr").flow
    ACTIONS["policy"](flow, OmegaConf.create())
    statements = json.loads(capsys.readouterr().out)["Statement"]
    assert [each["Sid"] for each in statements] == ["RunSteps", "PassRole"]
    with pytest.raises(ConfigError) as caught:
        ACTIONS["jobs"](flow, OmegaConf.create())
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs: raw steps alone do not say in which account and region they run; "
        "add another job"
    ]


def test_two_conditions_that_do_not_need_each_other_decide_on_no_common_step() -> None:
    when = {"output": "a.x", "file": "m.json", "path": "auc", "above": 0}
    settings = FlowConfig.model_validate({"jobs": {key: [] for key in "abcd"}, "when": {"b": when}})

    def job(label: str, *needs: str, decides: bool = False) -> FlowJob:
        conditions = settings.when["b"] if decides else ()
        return FlowJob(label, settings.jobs[label], needs, conditions, settings.cache, ())

    jobs = [job("a"), job("b", "a", decides=True), job("c", "a", decides=True), job("d", "b", "c")]
    flow = Flow("x", settings, "s3://b/x", {each.label: each for each in jobs})
    assert [decided_by(flow, label) for label in "abc"] == [(), ("b",), ("c",)]
    with pytest.raises(ConfigError) as caught:
        pipeline_of(flow)
    assert [str(each) for each in caught.value.problems] == [
        "flow.jobs.d: needs 'c' and 'b', each with a condition of its own; a step of a pipeline "
        "lies inside one condition"
    ]
    flow = flow.with_jobs({"d": job("d", "b", decides=True)})
    with pytest.raises(ConfigError) as caught:
        pipeline_of(flow)
    assert [str(each) for each in caught.value.problems] == [
        "flow.when.d: needs 'b', which has a condition of its own, and a pipeline of SageMaker has "
        "no condition inside another one; give one job all conditions, or use format=stepfunctions"
    ]


def test_no_two_steps_or_files_have_one_name() -> None:
    when = {"output": "a.x", "path": "auc", "above": 0, "otherwise": "fail"}
    long = f"{'b' * 60}-condition"[:64]
    settings = FlowConfig.model_validate(
        {
            "jobs": {key: [] for key in ("a", "b", "b-condition", long, f"{long[:-1]}x")},
            "when": {
                "b": [{**when, "file": "m/1.json"}, {**when, "file": "m-1.json"}],
                long: {**when, "file": "m/1.json"},
                f"{long[:-1]}x": {**when, "file": "m.json"},
            },
        }
    )
    needs = {"a": (), "b-condition": ()}
    jobs = {
        label: FlowJob(
            label, job, needs.get(label, ("a",)), settings.when.get(label, ()), settings.cache, ()
        )
        for label, job in settings.jobs.items()
    }
    made = Steps(Flow("x", settings, "s3://b/x", jobs), {label: {} for label in jobs}).all()
    names = [each["Name"] for each in made]
    names += [
        each["Name"]
        for step in made
        for key in ("IfSteps", "ElseSteps")
        for each in step["Arguments"].get(key, ())
    ]
    assert len(set(names)) == len(names) == 11
    assert max(map(len, names)) == 64
    assert "b-condition-2" in names
    read = next(each for each in made if each["Name"] == "a")["PropertyFiles"]
    assert [(each["PropertyFileName"], each["FilePath"]) for each in read] == [
        ("x-m-1-json", "m/1.json"),
        ("x-m-1-json-2", "m-1.json"),
        ("x-m-json", "m.json"),
    ]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["s3://b/x"], "s3://b/x"),
        ([{"Get": "p"}], join("", {"Get": "p"})),
        (["s3://b/", {"Get": "p"}, "/x/y"], join("/", "s3://b", {"Get": "p"}, "x/y")),
        (["s3://b/", {"Get": "p"}, "x"], join("", "s3://b/", {"Get": "p"}, "x")),
        (["s3://b/", {"Get": "p"}, "/"], join("", "s3://b/", {"Get": "p"}, "/")),
        ([{"Get": "p"}, {"Get": "q"}], join("", {"Get": "p"}, {"Get": "q"})),
        (["s3://b/", {"Get": "p"}], join("/", "s3://b", {"Get": "p"})),
        (["s3://b//", {"Get": "p"}], join("", "s3://b//", {"Get": "p"})),
    ],
)
def test_pieces_are_joined_so_that_nothing_is_lost(pieces: list[Any], expected: object) -> None:
    assert joined(pieces) == expected


def test_paths_of_figures_are_those_of_sagemaker() -> None:
    assert keys_of("a.0.b") == keys_of("a[0].b") == ["a", "0", "b"]
    assert json_path("a.0.b") == json_path("a[0].b") == "a[0].b"


def test_a_flow_is_no_single_job(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    with pytest.raises(ConfigError) as caught:
        compile("flow=ctr")
    assert [str(each) for each in caught.value.problems] == [
        "flow: has several jobs; use compile_flow()"
    ]
    with pytest.raises(ConfigError) as caught:
        compile_flow("transform=hashing")
    assert [str(each) for each in caught.value.problems] == [
        "flow: this key is required, as in compile_flow('flow=ctr')"
    ]
