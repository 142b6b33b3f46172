"""``action=import``: what it prints and writes, and every error in full."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from headrace.cli import actions
from headrace.config.compose import compose
from headrace.errors import ConfigError
from tests.importing.requests import BY_HAND, apart, changed, golden, request_of

Perform = Callable[..., None]
GOLDEN = Path(__file__).parents[1] / "programs/golden/script_sklearn.json"


@pytest.fixture
def perform(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Perform:
    """Imports in an empty folder that holds ``request.json`` alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "request.json").write_text(json.dumps(golden(GOLDEN)))

    def run(*overrides: str) -> None:
        actions.perform(compose(composed("action=import", *overrides)))

    return run


def refused(perform: Perform, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        perform(*overrides)
    return [str(problem) for problem in caught.value.problems]


def test_the_file_is_printed(perform: Perform, capsys: pytest.CaptureFixture[str]) -> None:
    perform("from=request.json")
    assert capsys.readouterr().out == (
        "# @package _global_\n"
        "# python run.py experiment=churn_1\n"
        "# Worth trying: action=plan target=aws\n"
        "#\n"
        "# Made by action=import from request.json.\n"
        "# The job was called churn-1; each run gets a name of its own, or job.name.\n"
        "defaults:\n"
        "  - override /backend: sklearn\n"
        "  - override /program: script\n"
        "\n"
        "backend:\n"
        "  region: eu-central-1\n"
        '  framework_version: "1.9-0"\n'
        "\n"
        "program:\n"
        '  path: "s3://bucket/out/code/prepare.py"\n'
        '  arguments: ["--split", "0.8", "--verbose", "--last"]\n'
        "\n"
        "inputs:\n"
        '  customers: {path: "s3://bucket/customers/"}\n'
        '  model: {path: "s3://bucket/model.tar.gz", at: /opt/ml/processing/model}\n'
        '  logs: {path: "s3://bucket/logs/", sharded: true}\n'
        "\n"
        "outputs:\n"
        "  train: {}\n"
        "  evaluation: {at: /opt/ml/processing/evaluation, upload: Continuous}\n"
        "\n"
        "output:\n"
        '  path: "s3://bucket/out"\n'
        "\n"
        "resources:\n"
        "  instance_type: ml.m5.xlarge\n"
        "  instance_count: 2\n"
        "  volume_size_gb: 30\n"
        "  max_runtime_minutes: 120\n"
        "\n"
        "job:\n"
        '  role: "arn:aws:iam::000000000000:role/headrace-local"\n'
        "  env: {STAGE: test}\n"
        "  tags: {team: ads}\n"
    )
    assert not Path("conf").exists()


def test_the_file_is_written_and_no_other_is_overwritten(
    perform: Perform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    perform("from=request.json", "name=mine")
    file = tmp_path / "conf/experiment/mine.yaml"
    assert capsys.readouterr().out == (
        f"written    {file}\nnext       python run.py experiment=mine\n"
    )
    assert apart(golden(GOLDEN), request_of("experiment=mine")) == []
    file.write_text("job: {}\n")
    taken = f"name: there is '{file}' already; choose another name"
    assert refused(perform, "from=request.json", "name=mine") == [taken]
    assert file.read_text() == "job: {}\n"


def test_what_is_not_kept_is_named(perform: Perform, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer of the service, with what became of the job and of its instances."""
    cluster = {**BY_HAND["ProcessingResources"]["ClusterConfig"], "SelectedInstanceCount": 2}
    answer = changed(
        BY_HAND,
        ProcessingResources={"ClusterConfig": cluster},
        NetworkConfig={"EnableInterContainerTrafficEncryption": True},
        ProcessingJobStatus="Completed",
        CreationTime=1795512600.5,
        Environment={},
        Colour="red",
    )
    del (place := dict(BY_HAND["ProcessingInputs"][0]["S3Input"]))["LocalPath"]
    answer["ProcessingInputs"] = [{"InputName": "rows", "S3Input": place}]
    Path("request.json").write_text(json.dumps(answer))
    perform("from=request.json", "name=mine")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:-1] == [
        "note       Not kept: ProcessingResources.ClusterConfig.SelectedInstanceCount (the service "
        "says it in its answers and refuses it in a request).",
        "note       Not kept: Colour (CreateProcessingJob has no such field).",
        "note       Not kept: Tags (DescribeProcessingJob does not tell them).",
        "note       Added: ProcessingInputs[0].S3Input.LocalPath: '/opt/ml/processing/input/rows' "
        "(headrace names a folder for everything).",
        "note       Added: NetworkConfig.EnableNetworkIsolation: false (said beside every other "
        "setting of the network, as the SDK does).",
    ]
    text = Path("conf/experiment/mine.yaml").read_text()
    assert (
        "# Left out, since they say what became of the job: ProcessingJobStatus, CreationTime.\n"
    ) in text
    assert "# Not kept: Colour (CreateProcessingJob has no such field).\n" in text


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("{", ["from: 'request.json' is no JSON: line 1, column 2: Expecting property name "
               "enclosed in double quotes"]),
        (b"\xff\xfe{", ["from: 'request.json' is not UTF-8"]),
        ("[1]", ["from: should be the request of a Processing job, which has a field "
                 "AppSpecification (got [1])"]),
        ('{"name": "x"}', ["from: should be the request of a Processing job, which has a field "
                           'AppSpecification (got {"name": "x"})']),
        (
            changed(BY_HAND, RoleArn=None, Environment=[1], AppSpecification={"ImageUri": 7}),
            [
                "from: AppSpecification.ImageUri: should be text (got 7)",
                "from: Environment: should be a mapping of texts (got [1])",
                "from: RoleArn: this key is required",
            ],
        ),
        (
            changed(BY_HAND, ProcessingInputs=[{"InputName": "a b"}]),
            ["from: inputs.a b.path: this key is required, or one of athena, redshift"],
        ),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told(perform: Perform, content: Any, lines: list[str]) -> None:
    if isinstance(content, dict):
        content = json.dumps(content)
    Path("request.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refused(perform, "from=request.json") == lines


def test_the_keys_that_name_the_request(perform: Perform, tmp_path: Path) -> None:
    assert refused(perform) == [
        "job.name: this key is required by action=import, or from=request.json"
    ]
    assert refused(perform, "from=request.json", "job.name=ctr") == [
        "from: the request comes from one place; leave out job.name"
    ]
    assert refused(perform, "from=nowhere.json") == [
        "from: cannot read 'nowhere.json': No such file or directory"
    ]
    assert refused(perform, f"from={tmp_path}") == [
        f"from: cannot read '{tmp_path}': Is a directory"
    ]
    assert refused(perform, "action=plan", "from=request.json") == [
        "from: is the request that action=import reads; leave it out"
    ]
    assert refused(perform, "from=request.json", "name=../x") == [
        "name: should be letters, digits, '_', '-' and '.', without an ending (got '../x')"
    ]
