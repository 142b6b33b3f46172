"""The local target executes a request: what the entrypoint finds, and what is left afterwards."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace import targets
from headrace.errors import ConfigError, JobFailed, PluginError
from headrace.job.job import Job
from headrace.results.result import Channel
from tests.targets.by_hand import (
    WRITE_RESULT,
    data_input,
    everything_below,
    make_config,
    make_job,
)

LOOK_AROUND = """
import json, os, pathlib, sys
ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
seen = {
    "argv": sys.argv[1:],
    "environment": dict(os.environ),
    "executable": sys.executable,
    "folder": os.getcwd(),
    "links": {
        str(path.relative_to(ml)): os.readlink(path)
        for path in sorted(ml.rglob("*")) if path.is_symlink()
    },
    "config": {path.name: json.loads(path.read_text()) for path in (ml / "config").iterdir()},
    "outputs": sorted(path.name for path in (ml / "processing/output").iterdir()),
}
name = seen["config"]["resourceconfig.json"]["current_host"]
(ml / f"processing/output/train/{name}.json").write_text(json.dumps(seen))
"""


def look_around(output: Path, host: str = "algo-1") -> dict[str, object]:
    seen = json.loads((output / "train" / f"{host}.json").read_text())
    assert isinstance(seen, dict)
    return seen


def test_a_result_is_delivered_with_the_request_and_the_files_that_ship(output: Path) -> None:
    job = make_job(output, WRITE_RESULT)
    result = targets.run(job, make_config(output))
    assert everything_below(output) == [
        "code",
        "code/entry.pyz",
        "report",
        "report/manifest.json",
        "request.json",
        "train",
        "train/part-00000.npz",
    ]
    assert json.loads((output / "request.json").read_text()) == job.request
    assert (output / "code/entry.pyz").read_bytes() == job.files["code/entry.pyz"]
    assert result.output == str(output)
    assert result.manifest == json.loads((output / "report/manifest.json").read_text())
    assert result.channels == (Channel("train", rows=2, parts=1, bytes=5),)
    assert 0 < result.seconds < 30


def test_a_request_whose_entrypoint_writes_no_manifest_is_executed_too(output: Path) -> None:
    result = targets.run(make_job(output, "pass"), make_config(output))
    assert (result.manifest, result.channels) == ({}, ())
    assert everything_below(output) == ["code", "code/entry.pyz", "request.json"]


def test_the_container_finds_its_configuration_inputs_and_outputs(
    output: Path, folder: Callable[..., Path]
) -> None:
    data = folder("a.csv", "day/b.csv", ".hidden", "_SUCCESS", "_tmp/c.csv")
    job = make_job(output, LOOK_AROUND, inputs=(data_input(f"file://{data}"),))
    targets.run(job, make_config(output))
    seen = look_around(output)
    links = seen["links"]
    assert isinstance(links, dict)
    assert links.pop("processing/input/code/entry.pyz").endswith("/files/code/entry.pyz")
    assert links == {
        "processing/input/data/a.csv": f"{data}/a.csv",
        "processing/input/data/day/b.csv": f"{data}/day/b.csv",
    }
    assert seen["outputs"] == ["report", "train"]
    assert seen["config"] == {
        "resourceconfig.json": {"current_host": "algo-1", "hosts": ["algo-1"]},
        "processingjobconfig.json": {
            "ProcessingJobArn": "arn:aws:sagemaker:local:000000000000:processing-job/job-1",
            "Environment": {},
            **job.request,
        },
    }


def test_the_environment_holds_what_the_request_says_and_nothing_of_the_users(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    job = make_job(output, LOOK_AROUND, Environment={"MODE": "x", "AT": "/opt/ml/processing"})
    targets.run(job, make_config(output))
    seen = look_around(output)
    environment = seen["environment"]
    assert isinstance(environment, dict)
    ml = environment["HEADRACE_ML_ROOT"]
    assert seen["folder"] == ml
    assert ml.startswith(f"{output}/.headrace/scratch-")
    assert environment["MODE"] == "x"
    assert environment["AT"] == f"{ml}/processing"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["OPENBLAS_THREAD_TIMEOUT"] == "4"
    allowed = {
        *("AT", "MODE", "HEADRACE_ML_ROOT", "HEADRACE_THREADS", "PYTHONUNBUFFERED"),
        "HEADRACE_LIFELINE_JOB",  # by which processes are found that outlive the client
        *("PYTHONDONTWRITEBYTECODE", "PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"),
        "LC_CTYPE",  # Python's own doing, PEP 538
    }
    openblas = {key for key in environment if key.startswith("OPENBLAS_")}
    assert set(environment) - openblas <= allowed


def test_arguments_arrive_with_the_paths_of_this_machine(output: Path) -> None:
    job = make_job(output, LOOK_AROUND)
    job.request["AppSpecification"]["ContainerArguments"] = [
        "/opt/ml/processing",
        "--to=/opt/ml/x",
        "/opt/mlx",
        "/my/opt/ml/x",
    ]
    targets.run(job, make_config(output))
    seen = look_around(output)
    ml = seen["folder"]
    assert seen["argv"] == [f"{ml}/processing", f"--to={ml}/x", "/opt/mlx", "/my/opt/ml/x"]
    assert seen["executable"] == sys.executable


def test_sharded_keys_are_dealt_over_three_hosts(output: Path, folder: Callable[..., Path]) -> None:
    data = folder("c.csv", "a.csv", "b.csv", "d.csv", "e/f.csv")
    sharded = data_input(f"file://{data}", distribution="ShardedByS3Key")
    targets.run(make_job(output, LOOK_AROUND, inputs=(sharded,), instances=3), make_config(output))
    shares = []
    for host in ("algo-1", "algo-2", "algo-3"):
        seen = look_around(output, host)
        links, config, environment = seen["links"], seen["config"], seen["environment"]
        assert isinstance(links, dict)
        assert isinstance(config, dict)
        assert isinstance(environment, dict)
        shares.append(sorted(Path(source).name for source in links.values()))
        assert config["resourceconfig.json"] == {
            "current_host": host,
            "hosts": ["algo-1", "algo-2", "algo-3"],
        }
        cores = len(os.sched_getaffinity(0))
        assert environment["HEADRACE_THREADS"] == str(max(1, cores // 3))
    assert shares == [
        ["a.csv", "d.csv", "entry.pyz"],
        ["b.csv", "entry.pyz", "f.csv"],
        ["c.csv", "entry.pyz"],
    ]


def test_a_replicated_input_lies_on_every_host(output: Path, folder: Callable[..., Path]) -> None:
    data = folder("a.csv", "b.csv")
    inputs = (data_input(f"file://{data}"),)
    targets.run(make_job(output, LOOK_AROUND, inputs=inputs, instances=2), make_config(output))
    for host in ("algo-1", "algo-2"):
        links = look_around(output, host)["links"]
        assert isinstance(links, dict)
        assert len(links) == 3


def test_without_an_entrypoint_the_images_own_stands(output: Path) -> None:
    job = make_job(output, "")
    del job.request["AppSpecification"]["ContainerEntrypoint"]
    job.request["AppSpecification"]["ContainerArguments"] = ["/opt/ml/x"]
    from headrace.targets.local.command import SOURCES, command
    from headrace.targets.local.sandbox import Host

    made = command(Host("algo-1", Path("/scratch/ml")), job.view, 1)
    assert made.argv == (sys.executable, "-m", "headrace.runtime", "/scratch/ml/x")
    assert made.environment["PYTHONPATH"] == f"/scratch/code:{SOURCES}"
    assert (SOURCES / "headrace/runtime/__init__.py").is_file()


def test_log_lines_pass_through_and_progress_lines_do_not(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = """
    import sys
    print("hello")
    print("progress rows=1 bytes=1 of=2")
    print("careful", file=sys.stderr)
    """
    targets.run(make_job(output, script), make_config(output))
    assert capfd.readouterr() == ("hello\n", "careful\n")


def test_lines_of_several_hosts_say_whose_they_are(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    targets.run(make_job(output, "print('hello')", instances=2), make_config(output))
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == ["algo-1: hello", "algo-2: hello"]


def test_job_logs_false_keeps_the_lines_to_itself(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('hello'); print('careful', file=sys.stderr)"
    targets.run(make_job(output, script), make_config(output, logs=False))
    assert capfd.readouterr() == ("", "")


def failing(message: str, status: int = 1) -> str:
    return f"""
    import os, pathlib, sys
    ml = pathlib.Path(os.environ["HEADRACE_ML_ROOT"])
    message = {message!r}.format(ml=ml)
    (ml / "output/message").write_text(message)
    print(message, file=sys.stderr)
    sys.exit({status})
    """


def test_a_failing_job_says_its_message_once_and_leaves_nothing(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = failing("data.csv, line 3: no comma\nallowed: commas")
    with pytest.raises(JobFailed) as caught:
        targets.run(
            make_job(output, WRITE_RESULT + script.replace("\n    ", "\n")), make_config(output)
        )
    assert str(caught.value) == "data.csv, line 3: no comma\nallowed: commas"
    assert capfd.readouterr() == ("", "")
    assert not output.exists()


def test_a_message_names_the_users_own_files(output: Path, folder: Callable[..., Path]) -> None:
    data = folder("a.csv")
    inputs = (data_input(f"file://{data}/a.csv"),)
    script = failing(
        "{ml}/processing/input/data/a.csv and /opt/ml/processing/input/data/a.csv, "
        "{ml}/processing/output/train/part-00000.npz"
    )
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, script, inputs=inputs), make_config(output))
    assert str(caught.value) == (f"{data}/a.csv and {data}/a.csv, {output}/train/part-00000.npz")


def test_status_2_means_a_plugin_broke_its_contract(output: Path) -> None:
    with pytest.raises(PluginError) as caught:
        targets.run(make_job(output, failing("mine: returned None", 2)), make_config(output))
    assert str(caught.value) == "mine: returned None"


def test_a_long_message_is_cut_at_one_kilobyte(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, failing("é" * 3000)), make_config(output))
    assert str(caught.value) == "é" * 512
    assert capfd.readouterr().err == ""


def test_a_bug_keeps_its_traceback(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = """
    def broken():
        raise ZeroDivisionError("oh")
    broken()
    """
    for logs in (True, False):
        with pytest.raises(JobFailed) as caught:
            targets.run(make_job(output, script), make_config(output, logs=logs))
        assert str(caught.value) == (
            "algo-1 ended with status 1 and left no message; "
            "its last line on stderr: ZeroDivisionError: oh"
        )
        lines = capfd.readouterr().err.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "ZeroDivisionError: oh"
        assert any(line.endswith("in broken") for line in lines)


def test_a_killed_process_is_called_that(output: Path) -> None:
    with pytest.raises(JobFailed) as caught:
        targets.run(make_job(output, "import os; os.kill(os.getpid(), 9)"), make_config(output))
    assert str(caught.value) == (
        "algo-1 was killed by SIGKILL, perhaps for want of memory, and left no message"
    )


def test_an_entrypoint_that_this_machine_does_not_have(output: Path) -> None:
    job = make_job(output, "")
    job.request["AppSpecification"]["ContainerEntrypoint"] = ["smspark-submit-x", "a.py"]
    with pytest.raises(JobFailed) as caught:
        targets.run(job, make_config(output))
    assert str(caught.value) == (
        "'smspark-submit-x' cannot be started here: No such file or directory"
    )
    assert not output.exists()


def test_what_this_machine_cannot_do_is_refused_all_at_once(output: Path) -> None:
    entry = data_input("https://bucket/data")
    entry["S3Input"] |= {"S3InputMode": "Pipe", "S3CompressionType": "Gzip"}
    job = make_job(output, "", inputs=(entry,))
    targets_of(job)[0]["S3Uri"] = "hdfs://node/train"
    with pytest.raises(ConfigError) as caught:
        targets.run(job, make_config("gs://bucket"))
    wanted = "should be s3://… or an absolute local path"
    assert str(caught.value).splitlines() == [
        "5 problems in the configuration:",
        f"  output.path: {wanted} (got 'gs://bucket')",
        f"  input 'data': {wanted} (got 'https://bucket/data')",
        "  input 'data': this machine knows S3InputMode 'File' only (got 'Pipe')",
        "  input 'data': this machine knows S3CompressionType 'None' only (got 'Gzip')",
        f"  output 'train': {wanted} (got 'hdfs://node/train')",
    ]


def test_a_result_lies_on_one_side(output: Path) -> None:
    job = make_job(output, "")
    with pytest.raises(ConfigError) as caught:
        targets.run(job, make_config("s3://bucket/out"))
    assert str(caught.value).splitlines()[1:] == [
        f"  output '{name}': should be below output.path, 's3://bucket/out' "
        f"(got 'file://{output}/{name}')"
        for name in ("train", "report")
    ]
    targets_of(job)[0]["S3Uri"] = "s3://bucket/out/train"
    with pytest.raises(ConfigError) as caught:
        targets.run(job, make_config(output))
    assert str(caught.value).splitlines()[1:] == [
        "  output 'train': should be on this machine, as output.path is "
        "(got 's3://bucket/out/train')"
    ]


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        ("s3://", "'s3://' names no bucket"),
        ("s3://b/x//y/", "'s3://b/x//y' cannot be a path here: a name in it is empty"),
        ("s3://b/../y", "'s3://b/../y' cannot be a path here: '.' and '..' lead elsewhere"),
    ],
)
def test_an_output_that_cannot_be_a_folder(odd: str, problem: str, output: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        targets.run(make_job(output, "", outputs=()), make_config(odd))
    assert str(caught.value).splitlines()[1:] == [f"  output.path: {problem}"]


def targets_of(job: Job) -> list[dict[str, str]]:
    return [each["S3Output"] for each in job.request["ProcessingOutputConfig"]["Outputs"]]
