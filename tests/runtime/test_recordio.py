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
from headrace.runtime.output.writers.reading import Known
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, with_role
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run
from tests.runtime.record_io import Record, expected, payloads
from tests.runtime.sparse_rows import Made, bits, made_up

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


def read(part: bytes, made: Made) -> pa.RecordBatch:
    """A part of these rows, read back."""
    names = ("label" if made.labels is not None else None, "id" if made.ids is not None else None)
    known = Known(made.n_features, *names, has_numbers=False, features={}, columns={})
    rows: pa.RecordBatch = WRITER.read({".recordio": part}, known)  # type: ignore[attr-defined]
    return rows


def by_protobuf(made: Made, part: bytes) -> list[tuple[Any, ...]]:
    """Return what protobuf reads of a part: indices, bits of values and of the label, the id."""
    rows = []
    for each in map(Record.FromString, payloads(part)):
        tensor = each.features["values"].float32_tensor
        keys, values = list(tensor.keys), bits(np.array(tensor.values, "f4"))
        if (keys, values) == ([0], [bytes(4)]):  # which the writer puts into a row without entries
            keys, values = [], []
        label = [] if made.labels is None else list(each.label["values"].float32_tensor.values)
        rows.append((keys, values, bits(np.array(label, "f8")), each.uid))
    return rows


def as_read(made: Made, part: bytes) -> list[tuple[Any, ...]]:
    rows = read(part, made).to_pydict()
    count = len(rows["indices"])
    labels = [bits(np.array([each], "f8")) for each in rows.get("label", ())] or [[]] * count
    values = [bits(np.array(each, "f4")) for each in rows["values"]]
    return list(zip(rows["indices"], values, labels, rows.get("id", [""] * count), strict=True))


@given(made_up(), st.booleans(), st.booleans())
def test_it_reads_what_protobuf_reads(made: Made, labelled: bool, named: bool) -> None:
    made = replace(made, labels=made.labels if labelled else None, ids=made.ids if named else None)
    part = made.written(WRITER)
    assert as_read(made, part) == by_protobuf(made, part)
    layout = read(part, made).schema
    assert [layout.field(name).type for name in ("indices", "values")] == [
        pa.list_(pa.int32()), pa.list_(pa.float32())
    ]  # fmt: skip


@pytest.mark.parametrize("entries", [1, 31, 32, 127, 128, 5000])
def test_it_reads_rows_of_any_length(entries: int) -> None:
    long = dict.fromkeys(range(0, 3 * entries, 3), -0.5)
    made = Made([{1: 1.0}, long, {}, {0: -0.0}], 2**31 - 1, ids=["a", "", "é" * entries, "d"])
    part = made.written(WRITER)
    assert as_read(made, part) == by_protobuf(made, part)


PLAIN = Made([{3: 1.0, 300: 2.0}, {7: 1.0}], 1000, labels=[1.0, 0.0], ids=["a", "b"])
PART = PLAIN.written(WRITER)
SECOND = 64
"""Byte at which its second record begins."""
NOT_OURS = "the record that begins at byte {at} is not made as headrace makes them"


def refusal(part: bytes, made: Made = PLAIN) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        read(part, made)
    return str(caught.value)


def test_where_the_second_record_begins() -> None:
    assert PART[SECOND:][:4] == PART[:4]
    assert len(payloads(PART)) == 2


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (PART[:-1], f"it ends within the record that begins at byte {SECOND}"),
        (PART[: SECOND + 6], f"it ends within the record that begins at byte {SECOND}"),
        (PART[: SECOND + 8], f"it ends within the record that begins at byte {SECOND}"),
        (PART + b"x", f"no record begins at byte {len(PART)}, as one should"),
        (b"PK" + PART, "no record begins at byte 0, as one should"),
        (PART[:SECOND] + PART[SECOND + 4 :], f"no record begins at byte {SECOND}, as one should"),
    ],
    ids=["cut", "half a head", "no message", "more", "another file", "no magic"],
)
def test_files_that_are_no_records(part: bytes, what: str) -> None:
    assert refusal(part) == what


@pytest.mark.parametrize(
    "made",
    [
        replace(PLAIN, labels=None),
        replace(PLAIN, ids=None),
        replace(PLAIN, labels=None, ids=None),
    ],
    ids=["label", "id", "both"],
)
def test_fields_that_are_not_there_or_too_many(made: Made) -> None:
    assert refusal(made.written(WRITER)) == NOT_OURS.format(at=0)
    assert refusal(PART, made) == NOT_OURS.format(at=0)


def test_another_width() -> None:
    assert refusal(PART, replace(PLAIN, n_features=999)) == (
        "the record that begins at byte 0 has not the width of the result, which is 999"
    )


def changed(find: bytes, put: bytes) -> bytes:
    assert PART.count(find) == 1
    return PART.replace(find, put)


@pytest.mark.parametrize(
    ("part", "at"),
    [
        (changed(b"\x12\x03\x03\xac\x02", b"\x12\x03\x03\x02\xac"), 0),
        (changed(b"\x12\x03\x03\xac\x02", b"\x12\x03\x03\x04\x05"), 0),
        (changed(b"\x12\x03\x03\xac\x02", b"\x12\x03\x83\xac\x02"), 0),
        (changed(b"\x12\x03\x03\xac\x02", b"\x12\x03\x03\x83\x00"), 0),
        (changed(b"\x12\x03\x03\xac\x02", b"\x12\x03\x03\xac\x08"), 0),
        (changed(b"\x12\x01\x07", b"\x12\xff\x07"), SECOND),
        (changed(b"\x1a\x01b", b"\x1a\x02b"), SECOND),
        (changed(b"\x1a\x01b", b"\x1b\x01b"), SECOND),
        (PART[:-1] + b"x", SECOND),
    ],
    ids=[
        "a key that does not end",
        "more keys than values",
        "fewer keys than values",
        "keys that do not rise",
        "a key beyond the width",
        "a length beyond the end",
        "an id beyond the end",
        "another field",
        "padding",
    ],
)
def test_messages_that_are_not_ours(part: bytes, at: int) -> None:
    assert refusal(part) == NOT_OURS.format(at=at)


@given(st.integers(0, len(PART) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_read(at: int, change: int) -> None:
    """Never another error, and never more rows than there are."""
    part = PART[:at] + bytes([PART[at] ^ change]) + PART[at + 1 :]
    try:
        assert read(part, PLAIN).num_rows == 2
    except ValueError as error:
        assert str(error)  # noqa: PT017  # any of them
