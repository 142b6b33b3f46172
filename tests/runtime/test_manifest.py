"""``manifest.json`` tells the truth, and the same input gives the same bytes however it is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from headrace.results.layout import listed
from headrace.runtime import VERSION
from headrace.runtime.output.manifest import merge
from headrace.runtime.output.outcome import Host, Task
from headrace.runtime.process.execute import execute
from headrace.runtime.spec import DATA_INPUT, JobSpec, OutputSpec, StepSpec, under
from tests.runtime.jobs import FORMATS, HASH, Result, clicks, job, run

SPLIT = StepSpec("split", "split", {"train_fraction": 0.7, "test_fraction": 0.1})
SHUFFLE = StepSpec("split", "split", {"method": "shuffle", "train_fraction": 0.7})


def numbers(rows: int) -> str:
    """Labels and numbers whose sums depend on the order in which they are added up."""
    random = np.random.default_rng(1)
    values = random.normal(size=(rows, 3)) * 10.0 ** random.integers(-9, 9, (rows, 3))
    lines = (f"{row[0]!r},{row[1]!r},{row[2]!r},v{i % 30}" for i, row in enumerate(values.tolist()))
    return "y,n,m,c\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("format_name", ["npz", "parquet"])
def test_every_part_is_described(tmp_path: Path, format_name: str) -> None:
    spec = job(id="id", label="click", steps=[SPLIT, HASH], rows_per_part=100, format=format_name)
    result = run(tmp_path, clicks(1000), spec)
    manifest = result.manifest
    assert list(manifest["channels"]) == ["train", "validation", "test"]
    for name, channel in manifest["channels"].items():
        files = [f"{name}/{part.name}" for part in result.parts(name)]
        assert [part["file"] for part in channel["parts"]] == files
        for part in channel["parts"]:
            content = (result.output / part["file"]).read_bytes()
            assert part["bytes"] == len(content)
            assert part["sha256"] == hashlib.sha256(content).hexdigest()
            assert part["rows"] == rows_in(result.output / part["file"])
        assert channel["rows"] == sum(part["rows"] for part in channel["parts"])
        assert [part["rows"] for part in channel["parts"][:-1]] == [100] * (len(files) - 1)
    assert sum(channel["rows"] for channel in manifest["channels"].values()) == 1000


def rows_in(path: Path) -> int:
    if path.suffix == ".npz":
        return int(sp.load_npz(path).shape[0])
    return int(pq.ParquetFile(path).metadata.num_rows)


def test_what_else_it_says(tmp_path: Path) -> None:
    spec = job(
        id="id", label="click", numeric=("c3",), categorical=("c1", "c0"), on_bad_rows="skip"
    )
    content = clicks(20).replace("v", "") + "x,1,2,3,4,nonsense\n"
    manifest = run(tmp_path, content, spec).manifest
    assert manifest["format_version"] == 1
    assert manifest["config_sha256"] == spec.sha256
    assert manifest["rows"] == {"read": 21, "written": 20, "rejected": 1}
    assert manifest["columns"] == {
        "label": "click",
        "id": "id",
        "numeric": ["c3"],
        "categorical": ["c0", "c1"],
    }
    assert manifest["input_columns"] == ["id", "click", "c0", "c1", "c2", "c3"]
    assert (manifest["n_features"], manifest["output_format"]) == (64, "npz")
    assert manifest["versions"]["headrace"] == VERSION
    assert manifest["versions"]["pyarrow"] == pa.__version__


@pytest.mark.parametrize(
    "steps", [[HASH], [SPLIT, HASH], [SHUFFLE, HASH]], ids=["all", "hash", "shuffle"]
)
def test_the_same_bytes_however_it_is_read(tmp_path: Path, steps: list[StepSpec]) -> None:
    def made(threads: int, block_bytes: int) -> dict[str, bytes]:
        spec = job(
            id="id", label="click", steps=steps,
            threads=threads, block_bytes=block_bytes, rows_per_part=120,
        )  # fmt: skip
        return run(tmp_path, clicks(500), spec).bytes()

    first = made(1, 1 << 20)
    assert {"report/manifest.json", "report/metrics.json", "train/part-00000.npz"} <= first.keys()
    for threads, block_bytes in ((1, 300), (2, 5000), (3, 300), (3, 1 << 20)):
        assert made(threads, block_bytes) == first


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_in_every_format(tmp_path: Path, format_name: str) -> None:
    made = []
    for threads, block_bytes in [(1, 1 << 20), (3, 300), (2, 3000)]:
        spec = job(
            id="id", label="click", steps=[SPLIT, HASH], format=format_name,
            threads=threads, block_bytes=block_bytes, rows_per_part=120,
        )  # fmt: skip
        made.append(run(tmp_path, clicks(500), spec).bytes())
    assert f"train/part-00000.{format_name}" in made[0]
    assert made[1] == made[0]
    assert made[2] == made[0]


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_where_sums_are_not_exact(tmp_path: Path, format_name: str) -> None:
    made = []
    for threads, block_bytes in [(1, 1 << 20), (3, 200), (2, 3000)]:
        narrow = StepSpec("feature_hasher", "feature_hasher", {"n_features": 2})
        spec = job(
            label="y", numeric=("n", "m"), steps=[narrow], format=format_name,
            threads=threads, block_bytes=block_bytes, rows_per_part=128,
        )  # fmt: skip
        made.append(run(tmp_path, numbers(400), spec).bytes())
    assert made[1] == made[0]
    assert made[2] == made[0]


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_for_zeros_of_both_signs(tmp_path: Path, format_name: str) -> None:
    content = "y,n,c\n" + "".join(f"0,{['0', '-0', '0.0', '1'][i % 4]},x\n" for i in range(40))
    made = [
        run(
            tmp_path, content, job(label="y", numeric=("n",), format=format_name, block_bytes=size)
        ).bytes()
        for size in (1, 9, 1 << 20)
    ]
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_the_digest_of_the_configuration() -> None:
    """It tells what decides the rows: neither folders nor threads nor blocks."""
    spec = job(label="click")
    assert job(label="click", threads=3, block_bytes=1).sha256 == spec.sha256
    assert job(label="click", packages={"a.whl": "1"}).sha256 == spec.sha256
    others = [job(label="y"), job(label="click", format="parquet"), job(label="click", steps=[])]
    assert len({each.sha256 for each in [spec, *others]}) == 4
    assert JobSpec.from_json(spec.to_json()) == spec
    assert spec.output == OutputSpec()


def on_hosts(root: Path, content: str, count: int) -> list[Result]:
    """Each host of a cluster, with every count-th row of the input."""
    header, *lines = content.splitlines(keepends=True)
    results = []
    for number in range(count):
        host = root / f"host-{number}"
        folder = under(host, DATA_INPUT)
        folder.mkdir(parents=True)
        (folder / "data.csv").write_text(header + "".join(lines[number::count]))
        spec = job(id="id", label="click", steps=[SPLIT, HASH])
        execute(Task(spec, host), Host(f"algo-{number + 1}", count))
        results.append(Result(host))
    return results


def test_several_hosts_keep_apart(tmp_path: Path) -> None:
    results = on_hosts(tmp_path, clicks(300), 2)
    for number, result in enumerate(results, 1):
        names = sorted(result.bytes())
        assert names == sorted(
            [f"report/algo-{number}/{name}.json" for name in ("manifest", "metrics")]
            + [f"report/algo-{number}/observed.npz"]
            + [
                f"{channel}/part-algo-{number}-00000.npz"
                for channel in ("train", "validation", "test")
            ]
        )


def test_merged_manifests(tmp_path: Path) -> None:
    results = on_hosts(tmp_path, clicks(300), 2)
    manifests = {
        f"algo-{number}": json.loads(
            (result.output / f"report/algo-{number}/manifest.json").read_text()
        )
        for number, result in enumerate(results, 1)
    }
    merged = merge(manifests)
    alone = run(tmp_path, clicks(300), job(id="id", label="click", steps=[SPLIT, HASH])).manifest
    for key in ("rows", "columns", "n_features", "config_sha256"):
        assert merged[key] == alone[key]
    for name, channel in merged["channels"].items():
        assert channel["rows"] == alone["channels"][name]["rows"]
        assert [part["file"] for part in channel["parts"]] == [
            f"{name}/part-algo-{number}-00000.npz" for number in (1, 2)
        ]


def below(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}


STANDARDIZE = StepSpec("standardize", "standardize", {})


def test_the_manifest_lists_all_files_of_the_result(tmp_path: Path) -> None:
    brought = ("request.json", "code/entry.pyz", "packages/a.whl")
    spec = job(id="id", label="click", steps=[SPLIT, STANDARDIZE, HASH], numeric=("c0",))
    result = run(tmp_path, clicks(60).replace("v", ""), replace(spec, files=brought))
    assert set(result.manifest["files"]) == {
        *brought, *below(result.output), "report/report.html"
    }  # fmt: skip
    assert "report/state/standardize.arrow" in result.manifest["files"]
    found = listed((result.output / "report/manifest.json").read_bytes())
    assert found is not None
    assert found.digests == {
        name: hashlib.sha256((result.output / name).read_bytes()).hexdigest()
        for name in below(result.output)
        if name.endswith((".npz", ".arrow"))
    }


def test_the_manifest_of_several_hosts_lists_the_files_of_all(tmp_path: Path) -> None:
    results = on_hosts(tmp_path, clicks(300), 2)
    contents = [
        (result.output / f"report/algo-{number}/manifest.json").read_bytes()
        for number, result in enumerate(results, 1)
    ]
    for content, result in zip(contents, results, strict=True):
        alone = listed(content)
        assert alone is not None
        assert set(alone.files) == below(result.output)
    merged = merge({f"algo-{n}": json.loads(content) for n, content in enumerate(contents, 1)})
    found = listed(json.dumps(merged).encode())
    assert found is not None
    reports = {f"report/{name}.json" for name in ("manifest", "metrics", "timings")}
    every = below(results[0].output) | below(results[1].output)
    assert set(found.files) == every | reports | {"report/report.html"}
    assert len(found.digests) == 6


def test_packages_are_named(tmp_path: Path) -> None:
    packages = {"a-1.0-py3-none-any.whl": "0" * 64}
    spec = job(label="click", packages=packages)
    one = run(tmp_path, clicks(3), spec).manifest
    assert JobSpec.from_json(spec.to_json()) == spec
    assert one["packages"] == packages
    assert merge({"algo-1": one, "algo-2": one})["packages"] == packages
    assert "packages" not in run(tmp_path, clicks(3), job(label="click")).manifest


def test_manifests_of_different_jobs(tmp_path: Path) -> None:
    one = run(tmp_path, clicks(3), job(label="click")).manifest
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        merge({"algo-1": one, "algo-2": {**one, "n_features": 2}})
    assert str(caught.value) == "algo-2 has other n_features than algo-1"


def test_a_manifest_that_is_missing(tmp_path: Path) -> None:
    one = {**run(tmp_path, clicks(3), job(label="click")).manifest, "host_count": 3}
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        merge({"algo-1": one, "algo-3": one})
    assert str(caught.value) == "2 of 3 hosts left a manifest: algo-1, algo-3"


def test_features_in_another_order(tmp_path: Path) -> None:
    """Each column's range of indices depends on it; columns of no use do not matter."""
    spec = job(label="click", numeric=("c0",), categorical=("c1",))
    one = run(tmp_path, "click,c0,c1,x\n1,2,a,b\n", spec).manifest
    other = run(tmp_path, "y,click,c0,c1\nb,1,2,a\n", spec).manifest
    assert merge({"algo-1": one, "algo-2": other})["rows"]["read"] == 2
    moved = run(tmp_path, "click,c1,c0\n1,a,2\n", spec).manifest
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        merge({"algo-1": one, "algo-2": moved})
    assert str(caught.value) == "algo-2 has its features in another order than algo-1"
