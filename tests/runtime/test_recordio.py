"""RecordIO-protobuf: byte for byte what protobuf and the SDK make of the npz of the same job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.output.writers import recordio, writer_of
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, with_role
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run
from tests.runtime.record_io import Record, expected, payloads
from tests.runtime.sparse_rows import Made, made_up

WRITER = writer_of(OutputSpec("recordio"))


def rows_of(part: Path) -> Made:
    """An npz part as rows."""
    matrix = sp.load_npz(part)
    pairs = [
        zip(row.indices.tolist(), row.data.tolist(), strict=True)
        for row in (matrix[place] for place in range(matrix.shape[0]))
    ]
    with np.load(part) as arrays:
        labels = arrays["label"].tolist() if "label" in arrays else None
        ids = [each.decode() for each in arrays["id"].tolist()] if "id" in arrays else None
    size = matrix.dtype.itemsize
    return Made(list(map(dict, pairs)), matrix.shape[1], size, labels, ids)


def parts(result: Result) -> Iterator[Path]:
    for channel in ("train", "validation"):
        yield from result.parts(channel)


@pytest.mark.parametrize("rows_per_part", [7, 1000])
@pytest.mark.parametrize("numeric", [(), ("n",)], ids=["text", "numbers"])
@pytest.mark.parametrize("known", [{"id": "id", "label": "click"}, {"label": "click"}, {}], ids=len)
def test_the_same_rows_as_in_npz(
    tmp_path: Path, numeric: tuple[str, ...], rows_per_part: int, known: dict[str, Any]
) -> None:
    content = clicks(90).replace("c3\n", "n\n", 1).replace(",v", ",")
    npz, records = (
        run(tmp_path, content, job(
            numeric=numeric, steps=[SPLIT, HASH], rows_per_part=rows_per_part, format=name, **known
        ))
        for name in ("npz", "recordio")
    )  # fmt: skip
    assert npz.manifest["rows"] == records.manifest["rows"]
    for one, other in zip(parts(npz), parts(records), strict=True):
        assert other.suffix == ".recordio"
        assert payloads(other.read_bytes()) == expected(rows_of(one))


def test_one_record() -> None:
    made = Made([{5: -1.0, 300: 2.5}], 2**20, labels=[1.0], ids=["14489770110436898243"])
    (payload,) = payloads(made.written(WRITER))
    record = Record.FromString(payload)
    tensor = record.features["values"].float32_tensor
    assert (list(tensor.keys), list(tensor.values)) == ([5, 300], [-1.0, 2.5])
    assert list(tensor.shape) == [2**20]
    label = record.label["values"].float32_tensor
    assert (list(label.values), list(label.keys), list(label.shape)) == ([1.0], [], [])
    assert record.uid == "14489770110436898243"
    assert (set(record.features), set(record.label)) == ({"values"}, {"values"})


def test_the_frame() -> None:
    """Magic number and length, little-endian, and zeros up to a multiple of four bytes."""
    part = Made([{5: -1.0}], ids=["a"]).written(WRITER)
    assert part[:4] == b"\x0a\x23\xd7\xce"
    size = int.from_bytes(part[4:8], "little")
    assert size == len(payloads(part)[0]) == 29
    assert part[8 + size :] == bytes(3)


@given(made_up())
def test_protobuf_writes_the_same_bytes(made: Made) -> None:
    assert payloads(made.written(WRITER)) == expected(made)


@given(made_up(), st.lists(st.integers(0, 9), max_size=3), st.integers(1, 4))
def test_batches_and_slices_do_not_show(made: Made, cuts: list[int], rows: int) -> None:
    whole = made.written(WRITER)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recordio, "_ROWS_AT_ONCE", rows)
        assert made.written(WRITER, *cuts) == whole


@pytest.mark.parametrize("entries", [1, 31, 32, 127, 128, 4096, 5000])
def test_rows_of_any_length(entries: int) -> None:
    """Lengths of one byte, two and three, in one batch with short rows."""
    long = dict.fromkeys(range(0, 3 * entries, 3), 1.0)
    made = Made([{1: 1.0}, long, {}, {2: 2.0}], 20_000).labelled()
    assert payloads(made.written(WRITER)) == expected(made)


@pytest.mark.parametrize("key", [0, 127, 128, 2**14 - 1, 2**14, 2**21, 2**28 - 1, 2**28, 2**31 - 2])
def test_keys_of_any_size(key: int) -> None:
    made = Made([{0: 1.0, key: -1.0}], 2**31 - 1)
    assert payloads(made.written(WRITER)) == expected(made)


def test_rows_without_entries_stay_sparse() -> None:
    """A tensor without keys is a dense one, whatever its shape says."""
    made = Made([{}, {3: 1.0}, {}, {}, {0: 5.0}, {}]).labelled()
    found = [Record.FromString(each) for each in payloads(made.written(WRITER))]
    tensors = [record.features["values"].float32_tensor for record in found]
    assert [(list(each.keys), list(each.values)) for each in tensors] == [
        ([0], [0.0]), ([3], [1.0]), ([0], [0.0]), ([0], [0.0]), ([0], [5.0]), ([0], [0.0]),
    ]  # fmt: skip


def test_numbers_beyond_float32() -> None:
    """As in Parquet: rounded, and infinite beyond 3.4e38."""
    made = Made([{0: 1e300, 1: -1e300, 2: 1e-300, 3: 0.1}], size=8, labels=[1e39])
    record = Record.FromString(*payloads(made.written(WRITER)))
    values = list(record.features["values"].float32_tensor.values)
    assert values == [float("inf"), float("-inf"), 0.0, float(np.float32(0.1))]
    assert list(record.label["values"].float32_tensor.values) == [float("inf")]


def test_a_part_without_rows() -> None:
    assert Made([], labels=[], ids=[]).written(WRITER) == b""


def refused(root: Path, **spec: Any) -> str:
    (root / "data.csv").write_text("id,click,c\n1,0,x\n")
    with pytest.raises(ChainError) as caught:
        preflight(job(format="recordio", **spec), [root / "data.csv"])
    return str(caught.value)


def test_without_a_hasher(tmp_path: Path) -> None:
    assert refused(tmp_path, label="click", steps=[SPLIT]) == (
        "output.format: recordio holds hashed rows, but no step hashes; "
        "use output.format=csv or parquet"
    )


def test_a_column_that_would_be_lost() -> None:
    hashed = replace(Made([{1: 1.0}]), ids=["a"]).batch.schema
    schema = hashed.append(with_role(pa.field("late", pa.string()), Role.CATEGORICAL))
    with pytest.raises(ValueError, match="column 'late' comes after the step") as caught:
        WRITER.check(schema)
    assert str(caught.value) == (
        "column 'late' comes after the step that hashes and would be lost; put its step before"
    )
