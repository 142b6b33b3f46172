"""``dataset.path`` as a list of what lies on S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace import compile, run
from headrace.aws import reading
from headrace.aws.s3 import S3Object
from headrace.cli.actions.policy import policy
from headrace.config.compose import compose
from headrace.errors import ConfigError
from headrace.job.inputs import resolve
from headrace.look.look import look

Put = Callable[..., None]
HEADER = b"id,click,site\n"
OBJECTS = {
    "in/day=1/a.csv": HEADER + b"1,0,x\n2,1,y\n",
    "in/day=1/_x.csv": b"no data",
    "in/day=2/b.csv": HEADER + b"3,1,x\n4,0,z\n",
    "in/c.csv": HEADER + b"5,1,x\n",
    "in/cold.csv": HEADER,
}
PATHS = ["s3://logs/in/day=2/", "s3://logs/in/day=1", "s3://logs/in/day=1/a.csv"]
SETTINGS: dict[str, Any] = {
    "dataset": "csv",
    "dataset.label": "click",
    "dataset.id": "id",
    "transform.n_features": 64,
}


def refused(*paths: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(*paths)
    return "\n".join(map(str, caught.value.problems))


def test_folders_and_objects_of_one_bucket(put: Put, tmp_path: Path) -> None:
    put(OBJECTS)
    data = resolve(*PATHS)
    names = ["day=1/a.csv", "day=2/b.csv"]
    assert json.loads(data.manifest or b"") == [{"prefix": "s3://logs/in/"}, *names]
    here = tmp_path / "in"
    for name in names:
        (here / name).parent.mkdir(parents=True)
        (here / name).write_bytes(OBJECTS[f"in/{name}"])
    results = [
        run({**SETTINGS, "dataset.path": path, "output.path": str(tmp_path / to)})
        for path, to in ((PATHS, "s3"), ([f"{here}/{name}" for name in names], "here"))
    ]
    manifests = [result.manifest["channels"] for result in results]
    assert manifests[0] == manifests[1]
    assert results[0].manifest["rows"]["read"] == 4


def test_a_job_of_several_instances(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put(OBJECTS)
    fetched: list[str] = []
    read = reading._read

    def counted(of: S3Object, start: int, size: int) -> bytes:
        fetched.append(of.uri)
        return read(of, start, size)

    monkeypatch.setattr(reading, "_read", counted)
    job = compile(
        {**SETTINGS, "dataset.path": PATHS, "output.path": "s3://logs/out", "job.name": "ctr"},
        {"resources.instance_count": 2},
    )
    assert job.request["ProcessingInputs"][0]["S3Input"] == {
        "S3Uri": "s3://logs/out/input.manifest",
        "LocalPath": "/opt/ml/processing/input/data",
        "S3DataType": "ManifestFile",
        "S3InputMode": "File",
        "S3DataDistributionType": "ShardedByS3Key",
        "S3CompressionType": "None",
    }
    assert fetched == ["s3://logs/in/day=1/a.csv"]  # for its columns
    with pytest.raises(ConfigError) as caught:
        compile({**SETTINGS, "dataset.path": PATHS, "output.path": "s3://logs/in/day=1"})
    assert str(caught.value.problems[-1]) == (
        "output.path: the input 's3://logs/in/day=1/a.csv' lies in 's3://logs/in/day=1'; choose a "
        "folder of its own"
    )


def test_its_policy_names_what_the_manifest_lists(composed: Callable[..., Any]) -> None:
    paths = ",".join(f'"{path}"' for path in PATHS)
    plan = compose(composed("target=aws", f"dataset.path=[{paths}]", "output.path=s3://logs/out"))
    read = policy(plan)["Statement"][0]["Resource"]
    assert "arn:aws:s3:::logs/out/input.manifest*" in read
    assert read[-3:] == [f"arn:aws:s3:::{path.removeprefix('s3://')}*" for path in PATHS]


def test_a_look_at_a_list(put: Put) -> None:
    put(OBJECTS)
    assert look(PATHS, {}).keys()["path"] == PATHS


def test_lists_that_are_refused(put: Put) -> None:
    put(OBJECTS)
    assert refused("s3://logs/in/c.csv", "s3://other/x.csv") == (
        "dataset.path: a list on S3 is in one bucket (got 'logs', 'other'); copy the data to "
        "one bucket, or run a job for each"
    )
    assert refused("s3://logs/in/c.csv", "s3://logs/in/d.csv") == (
        "dataset.path: nothing is at 's3://logs/in/d.csv'"
    )
    assert refused("s3://logs/in/day=1/_x.csv", "s3://logs/in/c.csv") == (
        "dataset.path: 'day=1/_x.csv' begins with '.' or '_', and such a file counts only where "
        "all do; rename it, or run a job for it alone"
    )


def test_a_delta_table_is_refused_and_its_files_can_be_listed(put: Put) -> None:
    put({"t/a/part-0.parquet": b"x", "t/a/part-1.parquet": b"x", "t/a/_delta_log/0.json": b"{}"})
    for path in ("s3://logs/t/a", "s3://logs/t/"):
        with pytest.raises(ConfigError) as caught:
            compile({"dataset.path": path, "output.path": "s3://logs/out"})
        assert str(caught.value.problems[0]) == (
            "dataset.path: cannot read 's3://logs/t/a/': a Delta table, whose folder also holds "
            "rows that were removed; name its live files in dataset.path, as "
            "DeltaTable(…).file_uris() of the package deltalake lists them"
        )
    live = [f"s3://logs/t/a/part-{number}.parquet" for number in range(2)]
    assert [each.uri for each in resolve(*live).objects] == live
