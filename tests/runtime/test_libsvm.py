"""libsvm: scikit-learn reads in it what SciPy reads in the npz of the same job."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_svmlight_file

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.chain.preflight import preflight
from headrace.runtime.output.writers import libsvm, writer_of
from headrace.runtime.output.writers.texts import _stored
from headrace.runtime.spec import OutputSpec
from headrace.runtime.transform import Role, with_role
from tests.runtime.jobs import HASH, SPLIT, Result, clicks, job, run
from tests.runtime.sparse_rows import Made, bits, made_up

WRITER = writer_of(OutputSpec("libsvm"))


def read(part: bytes, n_features: int, size: int) -> tuple[sp.csr_matrix, Any]:
    dtype = np.dtype(f"f{size}")
    matrix, labels = load_svmlight_file(
        io.BytesIO(part), n_features=n_features, zero_based=True, dtype=np.float64
    )
    return matrix.astype(dtype), labels


def both(root: Path, content: str, **spec: Any) -> tuple[Result, Result]:
    """The same job in both formats."""
    npz, lines = (run(root, content, job(format=name, **spec)) for name in ("npz", "libsvm"))
    return npz, lines


@pytest.mark.parametrize("rows_per_part", [7, 1000])
@pytest.mark.parametrize("numeric", [(), ("n",)], ids=["text", "numbers"])
def test_the_same_cells_and_labels_as_in_npz(
    tmp_path: Path, numeric: tuple[str, ...], rows_per_part: int
) -> None:
    content = clicks(90).replace("c3\n", "n\n", 1).replace(",v", ",")
    npz, lines = both(
        tmp_path, content, id="id", label="click", numeric=numeric, steps=[SPLIT, HASH],
        rows_per_part=rows_per_part,
    )  # fmt: skip
    assert npz.manifest["rows"] == lines.manifest["rows"]
    for channel in ("train", "validation"):
        parts = list(zip(npz.parts(channel), lines.parts(channel), strict=True))
        assert {part.suffix for _, part in parts} == {".libsvm"}
        for one, other in parts:
            expected = sp.load_npz(one)
            matrix, labels = load_svmlight_file(
                str(other), n_features=64, zero_based=True, dtype=expected.dtype
            )
            assert matrix.dtype == expected.dtype
            assert matrix.indptr.tolist() == expected.indptr.tolist()
            assert matrix.indices.tolist() == expected.indices.tolist()
            assert matrix.data.tolist() == expected.data.tolist()
            assert labels.tolist() == np.load(one)["label"].tolist()


def test_the_text() -> None:
    made = Made(
        [{5: -1.0, 0: 1.0}, {}, {12: 2.0, 63: 0.0}, {7: -0.5}, {8: 1e20, 9: 1e-7, 10: 129.0}],
        labels=[1.0, 0.0, 0.5, -1.0, 1234567.0],
    )
    assert made.written(WRITER).decode().splitlines() == [
        "1 0:1 5:-1",
        "0",
        "0.5 12:2 63:0",
        "-1 7:-0.5",
        "1234567 8:1e+20 9:1e-7 10:129",
    ]


def test_no_spaces_but_between() -> None:
    """SageMaker's XGBoost takes a space at the end of a line for a broken entry."""
    text = Made([{3: 1.0}, {}, {}]).labelled().written(WRITER)
    assert text == b"0 3:1\n1\n0\n"


@pytest.mark.parametrize(
    ("n_features", "index", "text"),
    [
        (1, 0, b"0"),
        (10**7, 9_999_999, b"9999999"),
        (10**7 + 1, 9_999_999, b"9999999"),
        (10**7 + 1, 10_000_000, b"10000000"),
        (10**8 + 1, 10**8, b"100000000"),
        (2**31 - 1, 0, b"0"),
        (2**31 - 1, 1_000_000_001, b"1000000001"),
        (2**31 - 1, 2**31 - 2, b"2147483646"),
    ],
)
def test_indices(n_features: int, index: int, text: bytes) -> None:
    made = Made([{index: 1.0}], n_features).labelled()
    assert made.written(WRITER) == b"0 " + text + b":1\n"


@pytest.mark.parametrize(
    ("size", "value", "text"),
    [
        (4, 0.1, b"0.1"),
        (8, 0.1, b"0.1"),
        (8, float(np.float32(0.1)), b"0.10000000149011612"),
        (4, 16777216.0, b"16777216"),
        (4, 1e-45, b"1e-45"),
        (8, 5e-324, b"5e-324"),
        (8, -1.7976931348623157e308, b"-1.7976931348623157e+308"),
        (8, -2.2250738585072014e-308, b"-2.2250738585072014e-308"),
        (8, -0.0, b"-0"),
        (8, float("inf"), b"inf"),
    ],
)
def test_values(size: int, value: float, text: bytes) -> None:
    assert Made([{3: value}], 64, size).labelled().written(WRITER) == b"0 3:" + text + b"\n"


@given(made_up())
def test_scikit_learn_reads_every_bit(made: Made) -> None:
    matrix, labels = read(made.written(WRITER), made.n_features, made.size)
    expected = made.matrix
    assert matrix.shape == expected.shape
    assert matrix.indptr.tolist() == expected.indptr.tolist()
    assert matrix.indices.tolist() == expected.indices.tolist()
    assert bits(matrix.data) == bits(expected.data)
    assert bits(labels) == bits(np.array(made.labels, np.float64))


@given(made_up())
def test_numbers_are_as_short_as_numpys(made: Made) -> None:
    """NumPy's `repr` has its own implementation of the shortest digits."""
    entries = [entry for line in made.written(WRITER).split(b"\n") for entry in line.split()[1:]]
    texts = [entry.partition(b":")[2].decode() for entry in entries]
    for text, value in zip(texts, made.matrix.data, strict=True):
        if np.isfinite(value):
            shortest = np.format_float_scientific(value, unique=True, trim="-")
            assert digits(text) == digits(shortest)


def digits(text: str) -> str:
    return text.lstrip("-").partition("e")[0].replace(".", "").strip("0")


@given(made_up(), st.lists(st.integers(0, 9), max_size=3), st.integers(1, 4))
def test_batches_and_slices_do_not_show(made: Made, cuts: list[int], rows: int) -> None:
    whole = made.written(WRITER)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(libsvm, "_ROWS_AT_ONCE", rows)
        assert made.written(WRITER, *cuts) == whole


def test_a_part_without_rows() -> None:
    assert Made([], labels=[]).written(WRITER) == b""
    matrix, labels = read(b"", 64, 4)
    assert (matrix.shape, len(labels)) == ((0, 64), 0)


def test_many_distinct_values() -> None:
    random = np.random.default_rng(0)
    rows = [dict(enumerate(random.normal(size=50))) for _ in range(200)]
    made = Made(rows, size=8).labelled()
    matrix, _ = read(made.written(WRITER), 64, 8)
    assert matrix.data.tolist() == made.matrix.data.tolist()


def test_texts_out_of_order_are_noticed() -> None:
    """Stored from right to left, each text's zeros fall on the next one."""
    units = np.frombuffer(b"a".ljust(16, b"\0") + b"b".ljust(16, b"\0"), "<u8").reshape(2, 2)
    assert _stored(units, np.array([0, 1]), 2).tobytes() == b"ab"
    with pytest.raises(RuntimeError) as caught:
        _stored(units, np.array([1, 0]), 2)
    assert str(caught.value) == "texts were not stored in their order"


def refused(root: Path, **spec: Any) -> str:
    (root / "data.csv").write_text("id,click,c\n1,0,x\n")
    with pytest.raises(ChainError) as caught:
        preflight(job(format="libsvm", **spec), [root / "data.csv"])
    return str(caught.value)


def test_without_a_hasher(tmp_path: Path) -> None:
    assert refused(tmp_path, label="click", steps=[SPLIT]) == (
        "output.format: libsvm holds hashed rows, but no step hashes; "
        "use output.format=csv or parquet"
    )


def test_without_a_label(tmp_path: Path) -> None:
    assert refused(tmp_path, id="id") == (
        "output.format: libsvm begins each line with the label, but there is none; "
        "set dataset.label or use output.format=npz"
    )


def test_a_column_that_would_be_lost() -> None:
    hashed = Made([{1: 1.0}]).labelled().batch.schema
    schema = hashed.append(with_role(pa.field("late", pa.string()), Role.CATEGORICAL))
    with pytest.raises(ValueError, match="column 'late' comes after the step") as caught:
        WRITER.check(schema)
    assert str(caught.value) == (
        "column 'late' comes after the step that hashes and would be lost; put its step before"
    )
