"""The whole job, compared with golden files: ``HEADRACE_ACCEPT=1 pytest …`` takes a change over."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from headrace import backends
from headrace.config.compose import Plan
from headrace.config.models import JobConfig
from headrace.config.registry import Step, plugins
from headrace.errors import ConfigError
from headrace.job.account import NoAccount
from headrace.job.compiler import compile_job
from headrace.job.inputs import DataInput, resolve
from headrace.job.job import NO_WHEELS, Job, Wheels
from headrace.programs import program_of
from headrace.runtime.spec import JobSpec, StepSpec

GOLDEN = Path(__file__).parent / "golden"
FILE = DataInput("file:///data/avazu.csv", files=("/data/avazu.csv",))


@dataclass(frozen=True)
class Channels:
    """Stands in for a step that declares channels."""

    names: tuple[str, ...]

    def channels(self) -> tuple[str, ...]:
        return self.names


PLUGINS = plugins()
CHAIN = (
    Step(
        "split", PLUGINS["split"], Channels(("train", "validation")), {"method": "hash", "seed": 7}
    ),
    Step("hash_it", PLUGINS["feature_hasher"], object(), {"n_features": 64}),
)


def plan(chain: tuple[Step, ...] = CHAIN, **groups: Any) -> Plan:
    raw: dict[str, Any] = {
        "backend": {"name": "script", "region": "eu-central-1"},
        "target": {"name": "local"},
        "dataset": {"path": "/data/avazu.csv", "label": "click", "id": "id"},
        "transform": {"steps": {"split": {}}},
        "output": {"path": "/results/ctr"},
    }
    for group, values in groups.items():
        raw[group] = {**raw.get(group, {}), **values}
    return Plan(JobConfig.model_validate(raw), chain)


def made(wanted: Plan, data: DataInput, name: str = "ctr", wheels: Wheels = NO_WHEELS) -> Job:
    return compile_job(
        wanted,
        backends.backend_of(wanted.config.backend),
        program_of(wanted),
        {"data": data},
        name,
        NoAccount(wanted.config),
        wheels,
    )


def inputs(job: Job) -> dict[str, dict[str, Any]]:
    return {entry["InputName"]: entry["S3Input"] for entry in job.request["ProcessingInputs"]}


def refused(wanted: Plan, data: DataInput) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        made(wanted, data)
    return [str(problem) for problem in caught.value.problems]


def assert_golden(name: str, request: dict[str, Any]) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(request, indent=2) + "\n"
    if os.environ.get("HEADRACE_ACCEPT") == "1":
        path.write_text(text)
    expected = path.read_text() if path.exists() else ""
    assert text == expected, f"if the new request is right: HEADRACE_ACCEPT=1 pytest {__file__}"


BACKENDS: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in ("sklearn", "script", "processor")},
    "pyspark": {
        "name": "pyspark",
        "framework_version": "3.5",
        "spark": {"executor.memory": "4g"},
        "event_logs": True,
    },
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_request_of_each_backend(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.aws.image_uris.VERSION", "1.0.0")
    request = made(plan(backend=BACKENDS[backend]), FILE, "ctr-1").request
    assert_golden(backend, request)
    shape = botocore.session.Session().get_service_model("sagemaker")
    rules = shape.operation_model("CreateProcessingJob").input_shape
    assert ParamValidator().validate(request, rules).generate_report() == ""


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_container_is_told_which_files_lie_beside_the_result(backend: str) -> None:
    """Its manifest has to list them."""
    glob = DataInput("file:///data", "ManifestFile", b"[]", ("/data/a.csv",))
    copies = DataInput("s3://b/input/data/", copies={"input/data/a.csv": Path("/data/a.csv")})
    for data, wheels in ((glob, {"a.whl": b"a"}), (copies, NO_WHEELS), (FILE, NO_WHEELS)):
        job = made(plan(backend=BACKENDS[backend]), data, wheels=wheels)
        assert {*job.spec.files} == {"request.json", *job.files, *job.uploads}


def test_the_container_is_told_what_the_request_says() -> None:
    output = {"format": "parquet", "rows_per_part": 9}
    job = made(plan(backend={"name": "processor"}, output=output), FILE)
    assert list(job.files) == ["config/job.json"]
    assert JobSpec.from_json(job.files["config/job.json"].decode()) == job.spec
    assert job.spec.dataset.label == "click"
    assert job.spec.output.format == "parquet"
    assert job.spec.output.rows_per_part == 9
    assert job.spec.steps == (
        StepSpec("split", "split", {"method": "hash", "seed": 7}),
        StepSpec("hash_it", "feature_hasher", {"n_features": 64}),
    )
    assert job.spec.outputs == {
        entry["OutputName"]: entry["S3Output"]["LocalPath"]
        for entry in job.request["ProcessingOutputConfig"]["Outputs"]
    }


def test_every_setting_reaches_the_container() -> None:
    given = {
        "format": "csv",
        "label": None,
        "id": "a",
        "time": "c",
        "numeric": ["b"],
        "categorical": ["c"],
        "columns": ["a", "b", "c"],
        "on_bad_rows": "skip",
        "max_line_bytes": 9,
        "delimiter": ";",
        "quote": None,
        "escape": "~",
        "encoding": "cp1252",
        "nulls": ["NA"],
        "comment": "#",
        "skip_lines": 2,
        "trim": True,
        "header": True,
        "drop": ["d*"],
        "partitions": False,
        "columns_expected": ["a", "b", "c"],
    }
    runtime = {"threads": 3, "block_bytes": 5, "split_bytes": 7}
    job = made(plan(dataset=given, runtime=runtime), FILE)
    spec = json.loads(job.spec.to_json())
    assert spec["dataset"] == given
    assert spec["runtime"] == runtime


def test_the_script_does_not_change_with_the_name() -> None:
    first, second = (made(plan(), FILE, name) for name in ("a", "b"))
    assert first.files == second.files
    assert (first.name, second.name) == ("a", "b")


def test_without_a_split_all_rows_train() -> None:
    job = made(plan(chain=CHAIN[1:]), FILE)
    assert list(job.spec.outputs) == ["train", "report"]


def test_several_instances_share_the_data_and_each_has_the_code() -> None:
    found = inputs(made(plan(resources={"instance_count": 2}), FILE))
    assert found["data"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert found["code"]["S3DataDistributionType"] == "FullyReplicated"


@pytest.mark.parametrize("backend", ["sklearn", "script", "processor"])
def test_packages_come_as_an_input_of_their_own(backend: str) -> None:
    wanted = plan(backend={"name": backend}, resources={"instance_count": 2})
    without, job = made(wanted, FILE), made(wanted, FILE, wheels={"a.whl": b"one", "b.whl": b""})
    one, _, other = job.request["ProcessingInputs"]
    assert [one, other] == without.request["ProcessingInputs"]
    assert inputs(job)["packages"] == {
        "S3Uri": "file:///results/ctr/packages/",
        "LocalPath": "/opt/ml/processing/input/packages",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    assert job.files["packages/a.whl"] == b"one"
    assert list(job.files)[1:] == ["packages/a.whl", "packages/b.whl"]
    sha256 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert job.spec.packages["a.whl"] == sha256
    assert (without.spec.packages, job.spec.sha256) == ({}, without.spec.sha256)


def test_a_glob_ships_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    data = resolve(f"{tmp_path}/*.csv")
    job = made(plan(), data)
    assert inputs(job)["data"]["S3Uri"] == "file:///results/ctr/input.manifest"
    assert inputs(job)["data"]["S3DataType"] == "ManifestFile"
    assert job.files["input.manifest"] == data.manifest


def test_s3_on_both_ends() -> None:
    job = made(plan(output={"path": "s3://b/out/"}), DataInput("s3://a/in"))
    assert inputs(job)["data"]["S3Uri"] == "s3://a/in"
    assert inputs(job)["code"]["S3Uri"] == "s3://b/out/code/entry.pyz"
    outputs = job.request["ProcessingOutputConfig"]["Outputs"]
    assert outputs[0]["S3Output"]["S3Uri"] == "s3://b/out/train"


def test_without_a_region_the_local_target_still_names_an_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace.job.account.find_region", lambda configured: configured)
    images = []
    for region in ("eu-central-1", None):
        wanted = plan(backend={"name": "sklearn", "region": region})
        images.append(made(wanted, FILE).request["AppSpecification"]["ImageUri"])
    assert [image.split(".")[3] for image in images] == ["eu-central-1", "us-east-1"]


@pytest.mark.parametrize("output", ["/data", "/data/out"])
def test_a_result_inside_the_data(output: str) -> None:
    folder = DataInput("file:///data", files=("/data/a.csv",))
    assert refused(plan(output={"path": output}), folder) == [
        f"output.path: {output!r} lies in the input '/data'; choose a folder outside it"
    ]


def test_a_result_inside_the_data_on_s3() -> None:
    assert refused(plan(output={"path": "s3://b/in/out"}), DataInput("s3://b/in")) == [
        "output.path: 's3://b/in/out' lies in the input 's3://b/in'; choose a folder outside it"
    ]


def test_data_inside_the_result() -> None:
    assert refused(plan(output={"path": "/"}), FILE) == [
        "output.path: the input '/data/avazu.csv' lies in '/'; choose a folder of its own"
    ]


def test_data_inside_the_result_by_way_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.csv").write_text("x")
    (tmp_path / "data").symlink_to(tmp_path / "out")
    wanted = plan(output={"path": str(tmp_path / "out")})
    assert refused(wanted, resolve(f"{tmp_path}/data/*.csv")) == [
        f"output.path: the input '{tmp_path}/data/a.csv' lies in '{tmp_path}/out'; "
        "choose a folder of its own"
    ]


def test_a_result_beside_the_files_of_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    wanted = plan(output={"path": str(tmp_path / "out")})
    assert made(wanted, resolve(f"{tmp_path}/*.csv")).name == "ctr"


def test_a_channel_that_would_overwrite_the_code() -> None:
    chain = (Step("split", PLUGINS["split"], Channels(("train", "code")), {}),)
    assert refused(plan(chain=chain), FILE) == [
        "transform.steps: the output 'code' to 'file:///results/ctr/code' and the input 'code' "
        "from 'file:///results/ctr/code/entry.pyz' share a place"
    ]


def test_a_channel_called_report() -> None:
    chain = (Step("split", PLUGINS["split"], Channels(("train", "report")), {}),)
    assert "transform.steps: 2 outputs are called 'report'" in refused(plan(chain=chain), FILE)
