"""Whole requests of programs, as SDK 2.x sent them: ``HEADRACE_ACCEPT=1`` accepts a change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from headrace.job.inputs import DataInput
from tests.programs.jobs import INPUT, made, of, plan, script

GOLDEN = Path(__file__).parent / "golden"
INPUTS: dict[str, dict[str, Any]] = {
    "customers": {"path": "s3://bucket/customers/"},
    "model": {"path": "s3://bucket/model.tar.gz", "at": "/opt/ml/processing/model"},
    "logs": {"path": "s3://bucket/logs/", "sharded": True},
}
OUTPUTS: dict[str, Any] = {
    "train": {},
    "evaluation": {"at": "/opt/ml/processing/evaluation", "upload": "Continuous"},
}
FOUND = {name: DataInput(given["path"]) for name, given in INPUTS.items()}
ARGUMENTS = {"split": "0.8", "verbose": True}
BACKENDS: dict[str, dict[str, Any]] = {
    "sklearn": {"name": "sklearn", "region": "eu-central-1"},
    "script": {"name": "script", "image_uri": "mine:1"},
    "pyspark": {"name": "pyspark", "region": "eu-central-1", "framework_version": "3.5"},
}


def assert_golden(name: str, request: dict[str, Any]) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(request, indent=2) + "\n"
    if os.environ.get("HEADRACE_ACCEPT") == "1":
        path.write_text(text)
    expected = path.read_text() if path.exists() else ""
    assert text == expected, f"if the new request is right: HEADRACE_ACCEPT=1 pytest {__file__}"
    model = botocore.session.Session().get_service_model("sagemaker")
    rules = model.operation_model("CreateProcessingJob").input_shape
    assert ParamValidator().validate(request, rules).generate_report() == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_script_with_inputs_and_outputs(backend: str, tmp_path: Path) -> None:
    wanted = plan(
        backend=BACKENDS[backend],
        program=of(script(tmp_path), arguments=ARGUMENTS),
        inputs=INPUTS,
        outputs=OUTPUTS,
        output={"path": "s3://bucket/out"},
        job={"arguments": ["--last"], "env": {"STAGE": "test"}, "tags": {"team": "ads"}},
        resources={"instance_count": 2},
    )
    job = made(wanted, FOUND)
    assert_golden(f"script_{backend}", job.request)
    assert job.files == {"code/prepare.py": b"print('hello')\n"}


def test_an_images_own_command() -> None:
    wanted = plan(
        backend={"name": "processor", "image_uri": "mine:1"},
        program={"name": "image", "arguments": ["--all"]},
        inputs=INPUTS,
        outputs=OUTPUTS,
        output={"path": "s3://bucket/out"},
    )
    job = made(wanted, FOUND)
    assert_golden("image_processor", job.request)
    assert job.files == {}


def test_a_command_of_the_users_own() -> None:
    wanted = plan(
        backend={"name": "processor", "image_uri": "mine:1"},
        program={"name": "image", "entrypoint": ["/bin/tool", "run"]},
    )
    application = made(wanted).request["AppSpecification"]
    assert application == {"ImageUri": "mine:1", "ContainerEntrypoint": ["/bin/tool", "run"]}


def test_neither_inputs_nor_outputs(tmp_path: Path) -> None:
    request = made(plan(program=of(script(tmp_path)))).request
    assert [each["InputName"] for each in request["ProcessingInputs"]] == ["code"]
    assert "ProcessingOutputConfig" not in request
    nothing = plan(backend={"name": "processor"}, program={"name": "image"})
    assert "ProcessingInputs" not in made(nothing).request


def test_a_script_on_s3_stays_where_it_is() -> None:
    wanted = plan(program={"name": "script", "path": "s3://bucket/code/fit.py"})
    job = made(wanted)
    assert job.view.inputs[0].uri == "s3://bucket/code/fit.py"
    assert job.view.entrypoint == ("python3", f"{INPUT}/code/fit.py")
    assert job.files == {}
    folder = {"name": "script", "path": "s3://bucket/code", "entry": "jobs/fit.py"}
    job = made(plan(program=folder))
    assert job.view.inputs[0].uri == "s3://bucket/code/"
    assert job.view.entrypoint == ("python3", f"{INPUT}/code/jobs/fit.py")


def test_another_place_makes_no_other_code(tmp_path: Path) -> None:
    program = of(script(tmp_path, name="churn/prepare.py").parent, entry="prepare.py")
    first = made(plan(program=program))
    other = made(plan(program=program, output={"path": "/elsewhere"}))
    assert first.files == other.files
    assert list(first.files) == ["code/headrace_source.zip", "code/headrace_launch.py"]
    assert first.request != other.request
