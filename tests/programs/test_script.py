"""How a script gets into the container, and what keeps it from getting there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.programs.script import launcher
from tests.programs.jobs import INPUT, OUTPUT, made, of, plan, refused, script

WHEELS = {"tiny-1.0-py3-none-any.whl": b"wheel"}
SHA256 = hashlib.sha256(b"wheel").hexdigest()
SPARK = {"name": "pyspark", "framework_version": "3.5"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    script(tmp_path, "helper = 1\n", "churn/helper.py")
    return script(tmp_path, name="churn/main.py").parent


def settings(content: bytes) -> Any:
    text = content.decode()
    return json.loads(text.partition("SETTINGS: dict[str, Any] = ")[2].partition("\nHERE")[0])


def test_a_folder_travels_as_one_archive_with_a_launcher(folder: Path) -> None:
    job = made(plan(program=of(folder, entry="main.py")))
    assert list(job.files) == ["code/headrace_source.zip", "code/headrace_launch.py"]
    (code,) = job.view.inputs
    assert (code.name, code.uri) == ("code", "file:///results/churn/code/")
    assert job.view.entrypoint == ("python3", f"{INPUT}/code/headrace_launch.py")
    assert settings(job.files["code/headrace_launch.py"]) == {
        "entry": "main.py",
        "command": [],
        "archive": {"code/headrace_source.zip": job.program.sha256},
        "packages": {},
    }
    assert (job.program.kind, job.program.entry, job.program.size) == ("script", "main.py", 26)


def test_spark_gets_the_archive_for_its_executors_as_well(folder: Path) -> None:
    job = made(plan(backend=SPARK, program=of(folder, entry="main.py")))
    assert [(each.name, each.uri) for each in job.view.inputs] == [
        ("py-files", "file:///results/churn/py-files/headrace_source.zip"),
        ("code", "file:///results/churn/code/headrace_launch.py"),
    ]
    assert job.view.entrypoint == (
        *("smspark-submit", "--py-files", f"{INPUT}/py-files"),
        f"{INPUT}/code/headrace_launch.py",
    )
    archive = settings(job.files["code/headrace_launch.py"])["archive"]
    assert archive == {"py-files/headrace_source.zip": job.program.sha256}


def test_packages_come_with_a_launcher(tmp_path: Path) -> None:
    job = made(plan(program=of(script(tmp_path))), wheels=WHEELS)
    assert list(job.files) == [
        "code/prepare.py",
        "code/headrace_launch.py",
        "packages/tiny-1.0-py3-none-any.whl",
    ]
    assert [each.name for each in job.view.inputs] == ["packages", "code"]
    assert settings(job.files["code/headrace_launch.py"])["packages"] == {
        "tiny-1.0-py3-none-any.whl": SHA256
    }
    assert job.program.packages == {"tiny-1.0-py3-none-any.whl": SHA256}


def test_sparks_executors_find_the_packages(tmp_path: Path) -> None:
    job = made(plan(backend=SPARK, program=of(script(tmp_path))), wheels=WHEELS)
    assert [each.name for each in job.view.inputs] == ["packages", "conf", "code"]
    (group,) = json.loads(job.files["conf/configuration.json"])
    assert group["Properties"] == {"spark.executorEnv.PYTHONPATH": f"{INPUT}/code"}
    assert b"use_packages()" in job.files["code/sitecustomize.py"]


def test_the_launcher_is_python_whatever_its_settings_are() -> None:
    content = launcher({"entry": "a\"'\\\n.py", "command": ["é"], "archive": {}, "packages": {}})
    compile(content, "headrace_launch.py", "exec")
    assert settings(content)["entry"] == "a\"'\\\n.py"


def test_a_command_of_ones_own(tmp_path: Path) -> None:
    file = script(tmp_path, "x <- 1\n", "fit.R")
    job = made(plan(program=of(file, command=["Rscript"])))
    assert job.view.entrypoint == ("Rscript", f"{INPUT}/code/fit.R")
    job = made(plan(program=of(file.parent, entry="fit.R", command=["Rscript"])))
    assert job.view.entrypoint[0] == "python3"
    assert settings(job.files["code/headrace_launch.py"])["command"] == ["Rscript"]


def test_a_chains_settings_are_nobodys(tmp_path: Path) -> None:
    job = made(plan(program=of(script(tmp_path))))
    assert not job.program.writes_manifest
    with pytest.raises(TypeError, match="a job with program=script has no chain"):
        _ = job.spec


# -- what is wrong


def test_a_script_on_an_image_that_brings_its_own(tmp_path: Path) -> None:
    wanted = plan(backend={"name": "processor"}, program=of(script(tmp_path)))
    assert refused(wanted) == [
        "program: backend=processor ships no script; choose backend=script, or program=image"
    ]


@pytest.mark.parametrize("backend", ["sklearn", "script", "pyspark"])
def test_an_image_without_a_command(backend: str) -> None:
    backend_settings = {"name": backend, "image_uri": "mine:1"}
    wanted = plan(backend=backend_settings, program={"name": "image"})
    assert refused(wanted) == [
        f"program: backend={backend} has no command of its own; choose backend=processor, or set "
        "program.entrypoint"
    ]
    job = made(
        plan(backend=backend_settings, program={"name": "image", "entrypoint": ["/bin/tool"]})
    )
    assert job.view.entrypoint == ("/bin/tool",)


def test_spark_starts_python_alone(tmp_path: Path) -> None:
    wanted = plan(backend=SPARK, program=of(script(tmp_path, name="a b.py"), command=["Rscript"]))
    assert refused(wanted) == [
        "program.command: Spark's image starts the script; leave this out",
        "program.path: the image hands it to a shell as it is, which would change 'a b.py'; "
        "rename it",
    ]


def test_a_file_of_a_name_that_headrace_uses(folder: Path) -> None:
    script(folder, name="headrace_launch.py")
    assert refused(plan(program=of(folder, entry="main.py"))) == [
        "program.path: headrace ships a file 'headrace_launch.py' of its own; rename yours"
    ]


def test_a_place_that_is_neither_here_nor_on_s3() -> None:
    assert refused(plan(program={"name": "script", "path": "https://example.com/a.py"})) == [
        "program.path: cannot read 'https://example.com/a.py'; allowed: a local path or s3://…"
    ]


def test_a_folder_on_s3_without_an_entry() -> None:
    wanted = plan(
        backend={"name": "script", "requirements": ["tiny"]},
        program={"name": "script", "path": "s3://bucket/code/"},
    )
    assert refused(wanted) == [
        "program.entry: this key is required, since program.path is a folder, as in "
        "program.entry=main.py",
        "backend.requirements: needs a script on this machine, since a launcher travels with it "
        "(program.path='s3://bucket/code/')",
    ]


def test_inputs_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = script(tmp_path)
    inputs = {
        "gone": {"path": f"{tmp_path}/gone"},
        "empty": {"path": f"{tmp_path}/empty"},
        "web": {"path": "https://example.com/a"},
        "null": {"path": "/dev/null"},
    }
    assert refused(plan(program=of(file), inputs=inputs)) == [
        f"inputs.gone.path: '{tmp_path}/gone' does not exist",
        f"inputs.empty.path: the folder '{tmp_path}/empty' holds no files",
        "inputs.web.path: cannot read 'https://example.com/a'; allowed: a local path or s3://…",
        "inputs.null.path: '/dev/null' is neither a file nor a folder",
    ]


def test_names_that_headrace_uses(tmp_path: Path) -> None:
    file = script(tmp_path)
    assert refused(plan(program=of(file), inputs={"code": {"path": str(file)}})) == [
        "inputs.code: an input of headrace's own has this name; choose another one"
    ]


def test_places_that_clash(tmp_path: Path) -> None:
    file = str(script(tmp_path))
    inputs = {
        "model": {"path": file, "at": "/opt/ml/model"},
        "a": {"path": file, "at": f"{INPUT}/code/a"},
        "b": {"path": file, "at": f"{OUTPUT}/train/b"},
        "a.b": {"path": file},
    }
    outputs: dict[str, Any] = {"train": {}, "code": {}}
    assert refused(plan(program=of(Path(file)), inputs=inputs, outputs=outputs)) == [
        "inputs.a.b: 'a.b' cannot name an input; allowed: letters, digits, '-' and '_', at most "
        "63, a letter or digit first",
        "inputs.model: 'model' is at '/opt/ml/model', which is not under /opt/ml/processing/",
        f"inputs.a: 'a' at '{INPUT}/code/a' and 'code' at '{INPUT}/code' share a folder of the "
        "container",
        f"outputs.train: 'b' at '{OUTPUT}/train/b' and 'train' at '{OUTPUT}/train' share a folder "
        "of the container",
        "outputs.code: the output 'code' to 'file:///results/churn/code' and the input 'code' "
        "from 'file:///results/churn/code/prepare.py' share a place",
    ]


def test_more_than_ten(tmp_path: Path) -> None:
    file = script(tmp_path)
    inputs = {f"i{number}": {"path": str(file)} for number in range(10)}
    outputs: dict[str, Any] = {f"o{number}": {} for number in range(11)}
    assert refused(plan(program=of(file), inputs=inputs, outputs=outputs)) == [
        "inputs.i9: a job has at most 10 inputs (got 11)",
        "outputs.o10: a job has at most 10 outputs (got 11)",
    ]


def test_a_result_in_an_input(tmp_path: Path) -> None:
    data = script(tmp_path, name="data/a.csv").parent
    wanted = plan(
        program=of(script(tmp_path)),
        inputs={"data": {"path": str(data)}},
        output={"path": f"{data}/out"},
    )
    assert refused(wanted) == [
        f"output.path: '{data}/out' lies in the input '{data}'; choose a folder outside it"
    ]


def test_what_is_longer_than_the_service_takes(tmp_path: Path) -> None:
    long = "x" * 257
    wanted = plan(
        program=of(script(tmp_path), arguments={"a": long}),
        job={"arguments": [long, *["y"] * 99], "env": {"A": long, long: "1"}},
        outputs={"train": {"at": f"/opt/ml/processing/{long}"}},
    )
    cut = f"'{'x' * 20}…{'x' * 19}' has 257 characters"
    assert refused(wanted) == [
        f"program.arguments: {cut}; SageMaker takes at most 256, so put it into a file that comes "
        "as an input",
        f"job.arguments: {cut}; SageMaker takes at most 256, so put it into a file that comes as "
        "an input",
        "program.arguments: there are 102 words; SageMaker takes at most 100",
        f"job.env.A: {cut}; SageMaker takes at most 256, so put it into a file that comes as an "
        "input",
        f"job.env: {cut} as the name of a variable; SageMaker takes at most 256",
        f"outputs.train: '/opt/ml/processing/x…{'x' * 19}' has 276 characters as a folder; "
        "SageMaker takes at most 256",
    ]


def test_a_share_for_each_instance(tmp_path: Path) -> None:
    file = script(tmp_path)
    inputs = {"logs": {"path": str(file), "sharded": True}}
    assert refused(plan(program=of(file), inputs=inputs, resources={"instance_count": 2})) == [
        "resources.instance_count: 1 file cannot be shared among 2 instances; set it to at most 1, "
        "or divide the data into more files"
    ]
