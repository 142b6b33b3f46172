"""A result's rows in Python: batches from every format that can be read back, shuffled or not."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
import pytest

from headrace import open_result
from headrace.config.defaults import PROJECT
from headrace.results.batches import Batch
from headrace.results.compare import main as compare
from headrace.results.part_rows import readable_formats, rows_of
from headrace.results.result import RowsError, RunResult
from headrace.runtime.plugins.formats import WRITERS
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import HASH, Result, clicks, job, run

VOCABULARY = StepSpec("vocabulary", "vocabulary", {})
HASHED = ("npz", "parquet", "csv", "libsvm", "libffm", "recordio")
DENSE = ("npz", "parquet", "csv", "npy")
CONTENT = clicks(300).replace(",v", ",")
NUMBERS: dict[str, Any] = {"id": "id", "label": "click", "numeric": ("c1",)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Result]:
    known: dict[str, Result] = {}

    def make(steps: StepSpec, **options: Any) -> Result:
        key = repr((steps, options))
        if key not in known:
            spec = job(steps=[steps], rows_per_part=70, **{**NUMBERS, **options})
            known[key] = run(tmp_path_factory.mktemp("made"), CONTENT, spec)
        return known[key]

    return make


def opened(result: Result) -> RunResult:
    return open_result(result.output)


def ids_of(batch: Batch) -> list[bytes]:
    assert batch.ids is not None
    return list(batch.ids.tolist())


def test_formats_that_can_be_read() -> None:
    assert set(readable_formats()) == {*HASHED, *DENSE} == {*WRITERS.shipped}


@pytest.mark.parametrize("name", HASHED)
@pytest.mark.parametrize("numeric", [("c1",), ()])
def test_batches_of_hashed_rows(
    made: Callable[..., Result], name: str, numeric: tuple[str, ...]
) -> None:
    npz = made(HASH, numeric=numeric)
    batches = list(opened(made(HASH, numeric=numeric, format=name)).batches("train", 64))
    assert [batch.rows for batch in batches] == [64, 64, 64, 64, 44]
    matrix = npz.matrix()
    dense = np.concatenate([batch.matrix for batch in batches])
    kind = np.dtype(np.float32) if name in ("parquet", "recordio") else matrix.dtype
    assert (dense == matrix.toarray().astype(kind)).all()
    assert np.concatenate([batch.csr.toarray() for batch in batches]).tolist() == dense.tolist()
    assert {batch.csr.dtype for batch in batches} == {kind}
    assert (
        np.concatenate([batch.labels for batch in batches]).tolist() == npz.array("label").tolist()
    )
    if name in ("npz", "parquet", "recordio"):
        ids = np.concatenate([batch.ids for batch in batches])
        assert ids.tolist() == npz.array("id").tolist()


@pytest.mark.parametrize("name", DENSE)
def test_batches_of_other_rows(made: Callable[..., Result], name: str) -> None:
    expected = made(VOCABULARY, format="parquet").table()
    result = opened(made(VOCABULARY, format=name))
    batches = list(result.batches("train", 101))
    assert [(batch.rows, batch.n_features) for batch in batches] == [(101, 4), (101, 4), (98, 4)]
    for column in ("c0", "c1", "c2", "c3"):
        read = np.concatenate([batch.columns[column] for batch in batches])
        cells = expected[column].to_numpy()
        assert np.array_equal(read, cells.astype(np.float32 if name == "npy" else float), True)
    labels = np.concatenate([batch.labels for batch in batches])
    assert labels.tolist() == expected["click"].to_pylist()
    rows = result.load()
    assert np.array_equal(rows.features, np.concatenate([each.matrix for each in batches]), True)
    assert rows.labels is not None
    assert rows.labels.tolist() == labels.tolist()
    assert (rows.ids is None) == (name == "csv")


@pytest.mark.parametrize("name", DENSE)
def test_ids_are_whole_numbers_in_every_format(made: Callable[..., Result], name: str) -> None:
    (batch,) = opened(made(VOCABULARY, format=name)).batches(size=300)
    kinds = [batch.columns[column].dtype for column in ("c0", "c2", "c3")]
    assert kinds == [np.int32] * 3


def test_a_label_that_is_called_as_an_index(tmp_path: Path) -> None:
    """The file has no names, so none stands twice."""
    spec = job(label="3", id="0", format="csv")
    result = opened(run(tmp_path, "3,0,c\n1,x,a\n0,y,b\n", spec))
    rows = result.load()
    assert rows.labels is not None
    assert (rows.labels.tolist(), rows.features.shape) == ([1, 0], (2, 64))
    assert abs(rows.features).sum() == 2


@pytest.mark.parametrize(
    ("name", "cells"), [("npy", [[0, 3], [2, 1]]), ("parquet", [[0.0, None], [2, 1]])]
)
def test_nulls_among_ids(tmp_path: Path, name: str, cells: list[list[float | None]]) -> None:
    steps = [StepSpec("bucketize", "bucketize", {"columns": ["n"], "edges": [1, 2]})]
    spec = job(label="y", numeric=("n",), steps=steps, format=name)
    result = opened(run(tmp_path, "y,n\n1,0\n0,\n1,5\n0,1\n", spec))
    read = [batch.columns["n"] for batch in result.batches("train", 2)]
    assert [[None if np.isnan(cell) else cell for cell in each] for each in read] == cells
    assert {each.dtype.str for each in read} == ({"<i4"} if name == "npy" else {"<f8", "<i4"})


@pytest.mark.parametrize("name", ["npz", "csv"])
def test_a_seed_shuffles_parts_and_rows(made: Callable[..., Result], name: str) -> None:
    result = opened(made(VOCABULARY, format=name, label=None, output={
        "columns": ("id", "c0") } if name == "csv" else {}))  # fmt: skip
    plain, one, again, other = (
        [each for batch in result.batches(size=50, seed=seed) for each in ids_of(batch)]
        for seed in (None, 1, 1, 2)
    )
    assert one == again
    assert len({tuple(plain), tuple(one), tuple(other)}) == 3
    assert sorted(one) == sorted(plain) == sorted(other)
    parts = [plain[start : start + 70] for start in range(0, 300, 70)]
    first = next(part for part in parts if one[0] in part)
    assert sorted(one[: len(first)]) == sorted(first)  # a part is shuffled in itself


def test_shards_are_all_of_the_rows_together(made: Callable[..., Result]) -> None:
    result = opened(made(HASH))
    every = [
        each
        for index in range(3)
        for batch in result.batches(seed=7, shard=(index, 3))
        for each in ids_of(batch)
    ]
    assert sorted(every) == sorted(made(HASH).array("id").tolist())


def test_batches_do_without_scipy(
    made: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    batch = next(opened(made(HASH)).batches(size=10))
    assert batch.matrix.shape == (10, 64)


def test_the_dataset_for_pytorch(
    made: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of docs/python.md, with as much of PyTorch as they use."""
    data = SimpleNamespace(IterableDataset=object)
    tensor = SimpleNamespace(
        utils=SimpleNamespace(data=data), from_numpy=lambda array: array.view(Tensor)
    )
    monkeypatch.setitem(sys.modules, "torch", tensor)
    page = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102  # our own page
    result = made(VOCABULARY, format="npy", numeric=())
    dataset = names["Rows"](result.output, 100)
    clicked = []
    for worker in (None, (0, 2), (1, 2)):
        info = None if worker is None else SimpleNamespace(id=worker[0], num_workers=worker[1])
        data.get_worker_info = lambda info=info: info
        batches = list(dataset)
        assert {ids.shape[1] for ids, _ in batches} == {4}
        clicked.append(np.concatenate([labels for _, labels in batches]))
    labels = [np.load(part) for part in sorted((result.output / "train").glob("*.label.npy"))]
    assert sorted(clicked[0]) == sorted(np.concatenate(labels))
    assert sorted(np.concatenate(clicked[1:])) == sorted(clicked[0])
    assert dataset.epoch == 3


class Tensor(np.ndarray[Any, Any]):
    def long(self) -> Tensor:
        return self.astype(np.int64).view(Tensor)


def test_libffm_of_columns_is_a_matrix(made: Callable[..., Result]) -> None:
    result = opened(made(VOCABULARY, format="libffm"))
    sizes = {name: each["size"] for name, each in result.manifest["feature_map"].items()}
    expected = made(VOCABULARY, format="parquet").table()
    (batch,) = result.batches(size=1000)
    assert batch.matrix.shape == (300, sum(sizes.values()))
    ids = batch.matrix[:, : sizes["c0"]].argmax(axis=1)
    assert ids.tolist() == expected["c0"].to_pylist()


def test_text_has_its_column(made: Callable[..., Result]) -> None:
    split = StepSpec("split", "split", {"train_fraction": 0.5})
    result = opened(made(split, format="csv"))
    batch = next(result.batches(size=5))
    assert set(batch.columns["c0"]) <= {*map(str, range(50)), None}
    with pytest.raises(RowsError) as caught:
        result.load()
    assert str(caught.value) == (
        f"{result.output}: load(): column 'c0' holds text; a batch has it in `columns`"
    )


def test_what_cannot_be_read(made: Callable[..., Result]) -> None:
    result = opened(made(HASH))
    config = {**result.manifest["config"], "output": {"format": "orc", "rows_per_part": 70}}
    foreign = replace(
        result, manifest={**result.manifest, "config": config, "output_format": "orc"}
    )
    with pytest.raises(RowsError) as caught:
        foreign.batches()
    assert str(caught.value) == (
        f"{result.output}: batches() reads output.format=npz, parquet, libsvm, recordio, csv, "
        "libffm, npy (got orc); docs/files.md says who reads the others"
    )
    with pytest.raises(RowsError) as caught:
        opened(made(HASH)).batches("trian")
    assert str(caught.value) == (
        f"{made(HASH).output}: there is no channel 'trian'; did you mean 'train'?"
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"size": 0}, "size should be an integer of at least 1 (got 0)"),
        ({"size": 2.5}, "size should be an integer of at least 1 (got 2.5)"),
        ({"seed": -1}, "seed should be None or an integer of at least 0 (got -1)"),
        ({"seed": "x"}, "seed should be None or an integer of at least 0 (got 'x')"),
        *(
            (
                {"shard": shard},
                f"shard should be (index, count), with 0 <= index < count (got {shard!r})",
            )
            for shard in ((2, 2), (0, 0), (0.0, 2), (1,), "ab", 3)
        ),
    ],
)
def test_numbers_that_batches_does_not_take(
    made: Callable[..., Result], given: dict[str, Any], what: str
) -> None:
    with pytest.raises(RowsError) as caught:
        opened(made(HASH)).batches(**given)
    assert str(caught.value) == f"{made(HASH).output}: batches(): {what}"


def test_numbers_of_numpy_are_taken(made: Callable[..., Result]) -> None:
    two = np.int64(2)
    (batch,) = opened(made(HASH)).batches(size=two * 500, seed=two, shard=(two - 1, two))  # type: ignore[arg-type]
    assert batch.rows == 140


@pytest.mark.parametrize("name", ["npz", "parquet", "csv", "libffm", "npy"])
def test_dense_rows_are_recounted(
    made: Callable[..., Result], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    result = made(VOCABULARY, format=name, id=None)
    assert compare([str(result.output), str(result.output), "--recount"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the same rows"


def test_every_file_of_a_part_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(tmp_path, CONTENT, job(steps=[VOCABULARY], format="npy", **NUMBERS))
    (part,) = result.manifest["channels"]["train"]["parts"]
    names = [part["file"], *(each["file"] for each in part["beside"])]
    assert names == [
        f"train/part-00000.{name}.npy" for name in ("categorical", "numeric", "label", "id")
    ]
    assert all(name in result.manifest["files"] for name in names)
    label = result.output / "train/part-00000.label.npy"
    label.write_bytes(label.read_bytes()[:-1] + b"?")
    assert compare([str(result.output), str(result.output), "--recount"]) == 1
    assert "train/part-00000.label.npy is damaged or edited" in capsys.readouterr().out


@pytest.mark.usefixtures("aws")
def test_batches_from_s3(made: Callable[..., Result]) -> None:
    here, s3 = made(VOCABULARY, format="npy"), boto3.client("s3")
    s3.create_bucket(Bucket="mine")
    for file in here.manifest["files"]:
        if (here.output / file).is_file():
            s3.upload_file(str(here.output / file), "mine", f"run/{file}")
    one, other = (
        [batch.matrix for batch in open_result(place).batches(size=90, seed=3)]
        for place in (here.output, "s3://mine/run")
    )
    assert np.array_equal(np.concatenate(one), np.concatenate(other), equal_nan=True)


@pytest.mark.parametrize("name", ["npz", "parquet", "libsvm", "csv", "recordio"])
def test_a_file_that_is_no_part(made: Callable[..., Result], name: str) -> None:
    manifest = json.loads(json.dumps(made(HASH, format=name).manifest))
    with pytest.raises(ValueError, match=r"."):
        rows_of(manifest, {"file": f"train/part-00000.{name}"}, lambda _: b"PK\x03\x04")


@pytest.mark.parametrize(
    ("steps", "name", "change"),
    [
        (HASH, "npz", lambda _: b""),
        (VOCABULARY, "npy", lambda _: b""),
        (VOCABULARY, "npy", lambda content: content.replace(b"}", b"{", 1)),
        (
            HASH,
            "npz",
            lambda content: content.replace(b"PK\1\2\x14\x03\x14", b"PK\1\2\x14\x03\xff"),
        ),
    ],
)
def test_a_damaged_part(
    made: Callable[..., Result], steps: StepSpec, name: str, change: Callable[[bytes], bytes]
) -> None:
    result = made(steps, format=name)
    part = result.manifest["channels"]["train"]["parts"][0]
    with pytest.raises(ValueError, match=r"."):
        rows_of(result.manifest, part, lambda file: change((result.output / file).read_bytes()))
