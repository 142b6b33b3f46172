"""Kernels against what NumPy and Arrow make of the same: equal to the bit."""

from __future__ import annotations

import io
import platform
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.hashing import hash64
from headrace.runtime.hashing.functions import HASH_FUNCTIONS, hash_texts, prefixed_hashes
from headrace.runtime.hashing.keys import signed_keys, unsigned_keys
from headrace.runtime.hashing.sparse import SparseRows, sparse_rows
from headrace.runtime.hashing.tokens import ColumnTokens, Encoded, RowTokens, column_tokens
from headrace.runtime.kernels import calls, file_calls, library
from headrace.runtime.kernels.row_calls import Groups
from headrace.runtime.output.digest import digest_of
from headrace.runtime.output.writers.arrays import fixed_width
from headrace.runtime.output.writers.libsvm import LibsvmWriter
from headrace.runtime.sources.blocks import Bytes
from headrace.runtime.sources.delimited import DelimitedBlock
from headrace.runtime.sources.dialect import Dialect
from headrace.runtime.statistics.crossed import GROUPS
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.transform import N_FEATURES, Role, with_role

pytestmark = pytest.mark.skipif(
    library.library() is None, reason="the kernels are not built: no zig and no C compiler"
)

CATEGORICAL = with_role(pa.field("c", pa.string()), Role.CATEGORICAL)
SEEDS = st.integers(0, 2**32 - 1)
SHORT = st.text("ab0é\0", max_size=9)
TEXTS = SHORT | st.sampled_from(["x" * 15, "x" * 16, "x" * 17, "y" * 200, "🦙" * 70])
CELLS = st.lists(st.none() | TEXTS, max_size=80)


def levels() -> list[int]:
    """Return the levels of instructions that this processor has, the highest last."""
    kernels = library.library()
    return [] if kernels is None else sorted({kernels.headrace_level(each) for each in range(3)})


LEVELS = st.sampled_from(levels())


@contextmanager
def at_level(level: int) -> Iterator[None]:
    """Have kernels use no more instructions than those of a level."""
    kernels = library.library()
    assert kernels is not None
    assert kernels.headrace_level(level) == level
    try:
        yield
    finally:
        kernels.headrace_level(levels()[-1])


@contextmanager
def without_kernels() -> Iterator[None]:
    library.use(library.OFF)
    try:
        yield
    finally:
        library.use(library.AUTO)


def column(cells: Sequence[str | None], start: int) -> pa.StringArray:
    """The cells as a piece of a longer column."""
    before: list[str | None] = ["before", None, "é"]
    return pa.array([*before[:start], *cells, "behind"], pa.string()).slice(start, len(cells))


def assert_equal(one: pa.Array | npt.NDArray[np.generic] | None, other: object) -> None:
    if isinstance(one, pa.Array):
        assert one.equals(other)
    elif one is None:
        assert other is None
    else:
        assert isinstance(other, np.ndarray)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@given(CELLS.map(lambda cells: [cell or "" for cell in cells]), st.integers(0, 3), SEEDS)
def test_hashes(cells: list[str], start: int, seed: int) -> None:
    texts, key = column(cells, start), hash64.key_of("c")
    pairs = [(function, seed) for function in HASH_FUNCTIONS.values()]
    compiled = [*hash_texts(texts, *pairs), hash64.hash64(texts, key)]
    with without_kernels():
        for one, other in zip(
            compiled, [*hash_texts(texts, *pairs), hash64.hash64(texts, key)], strict=True
        ):
            assert_equal(one, other)


@pytest.mark.parametrize("level", levels())
def test_hashes_of_many_short_texts(level: int) -> None:
    """They are hashed several at once, behind as many bytes of a prefix as there may be."""
    texts = pa.array(
        ["0123456é"[: size % 9] + chr(48 + size % 3) * (size % 2) for size in range(300)]
    )
    for prefix in (b"", b"a", b"ab=", b"abcd", b"abcde="):
        seeds = [(function, 7) for function in HASH_FUNCTIONS.values()]
        with at_level(level):
            compiled = prefixed_hashes(texts, prefix, *seeds)
        with without_kernels():
            joined = pc.binary_join_element_wise(prefix.decode(), texts, "")
            for one, other in zip(compiled or [], hash_texts(joined, *seeds), strict=True):
                assert_equal(one, other)


WIDTHS = st.sampled_from([1, 2, 3, 2**20, 2**20 - 3, 2**31 - 1]) | st.integers(1, 2**31 - 1)


@given(st.lists(SEEDS | st.sampled_from([0, 2**31 - 1, 2**31, 2**32 - 1])), WIDTHS, st.booleans())
def test_keys_of_hashes(hashes: list[int], width: int, alternate: bool) -> None:
    given = np.array(hashes, np.uint32)
    compiled = signed_keys(given, width, alternate_sign=alternate)
    with without_kernels():
        assert_equal(compiled, signed_keys(given, width, alternate_sign=alternate))


def assert_encoded_alike(texts: pa.StringArray) -> None:
    compiled = Encoded.of(texts)
    compiled.values.validate(full=True)
    with without_kernels():
        reference = Encoded.of(texts)
    for one, other in zip(compiled[:3], reference[:3], strict=True):
        assert_equal(one, other)
    assert compiled.counts is not None
    given = compiled.codes if compiled.missing is None else compiled.codes[~compiled.missing]
    assert_equal(compiled.counts, np.bincount(given, minlength=len(compiled.values)))


@given(CELLS, st.integers(0, 3))
def test_distinct_values(cells: list[str | None], start: int) -> None:
    assert_encoded_alike(column(cells, start))


@pytest.mark.parametrize("width", [0, 8, 20])
def test_very_many_distinct_values(width: int) -> None:
    texts = pa.array([f"{number * 7919 % 20_000:0{width}x}" for number in range(30_000)])
    assert_encoded_alike(texts)


def test_bytes_that_are_no_text_are_told_apart() -> None:
    """Nobody has checked them yet where columns come from another file than CSV."""
    cells = [b"abc", b"abc\0\0\0\0\xf3", b"", b"\0" * 7 + b"\xf0", b"\xff" * 8, b"abc", b"\xff" * 7]
    texts = pa.array([*cells, *cells], pa.binary()).view(pa.string())
    encoded = Encoded.of(texts)
    assert encoded.values.view(pa.binary()).to_pylist() == [*dict.fromkeys(cells)]
    assert encoded.codes.tolist() == 2 * [0, 1, 2, 3, 4, 0, 5]


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    rows = draw(st.sampled_from([1, 5, 64, 65, 90]))
    width = draw(st.integers(1, 40))
    made, fields = [], []
    values = draw(st.lists(st.none() | TEXTS, min_size=1, max_size=5))
    for place in range(width):
        picked = draw(st.integers(1, 97))
        cells = [values[(row * picked + place) % len(values)] for row in range(rows)]
        made.append(pa.array(cells, pa.string()))
        fields.append(with_role(pa.field(f"c{place}é", pa.string()), Role.CATEGORICAL))
    return pa.RecordBatch.from_arrays(made, schema=pa.schema(fields))


def tokens_of(batch: pa.RecordBatch, function: str, seed: int) -> list[ColumnTokens]:
    return column_tokens(batch, HASH_FUNCTIONS[function], seed)


@given(batches(), st.sampled_from(sorted(HASH_FUNCTIONS)), SEEDS)
def test_tokens(batch: pa.RecordBatch, function: str, seed: int) -> None:
    compiled = tokens_of(batch, function, seed)
    with without_kernels():
        for one, other in zip(compiled, tokens_of(batch, function, seed), strict=True):
            assert_equal(one.hashes, other.hashes)
            assert_equal(one.prints, other.prints)


@given(batches(), st.sampled_from([1, 2, 7, 1000, 2**31 - 1]), st.booleans(), LEVELS, st.data())
def test_rows_and_their_digest(
    batch: pa.RecordBatch, width: int, is_signed: bool, level: int, data: st.DataObject
) -> None:
    tokens = tokens_of(batch, "murmur3_32", 0)
    if data.draw(st.booleans()):
        order = np.array(data.draw(st.permutations(range(batch.num_rows))), np.int64)
        tokens = [each.take(order) for each in tokens]
    keys = [
        signed_keys(each.hashes, width, alternate_sign=True)
        if is_signed
        else unsigned_keys(each.hashes, width)
        for each in tokens
    ]
    with at_level(level):
        compiled = sparse_rows(RowTokens(tokens), keys)
        digest = digest_of_rows(compiled, width)
    with without_kernels():
        reference = sparse_rows(RowTokens(tokens), keys)
        for one, other in zip(vars(compiled).values(), vars(reference).values(), strict=True):
            assert_equal(one, other)
        assert digest == digest_of_rows(reference, width)


NUMBERS = st.sampled_from([None, 0.0, -0.0, 1.0, -1.0, 0.1, -0.3, 1e300, 5e-324, 7.0])


@given(batches(), st.sampled_from([1, 2, 7, 1000, 2**24, 2**31 - 1]), LEVELS, st.data())
def test_rows_with_numbers(
    batch: pa.RecordBatch, width: int, level: int, data: st.DataObject
) -> None:
    for place in data.draw(st.sets(st.integers(0, batch.num_columns), max_size=4)):
        numbers = data.draw(st.lists(NUMBERS, min_size=1, max_size=9))
        cells = pa.array(
            [numbers[row % len(numbers)] for row in range(batch.num_rows)], pa.float64()
        )
        field = with_role(pa.field(f"n{place}", pa.float64()), Role.NUMERIC)
        columns, fields = [*batch.columns], [*batch.schema]
        columns.insert(place, cells)
        fields.insert(place, field)
        batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    tokens = tokens_of(batch, "murmur3_32", 0)
    keys = [signed_keys(each.hashes, width, alternate_sign=True) for each in tokens]
    with at_level(level):
        compiled = sparse_rows(RowTokens(tokens), keys)
    with without_kernels():
        reference = sparse_rows(RowTokens(tokens), keys)
        for one, other in zip(vars(compiled).values(), vars(reference).values(), strict=True):
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()


def digest_of_rows(rows: SparseRows, width: int) -> str:
    offsets = pa.array(rows.offsets)
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(each)) for each in (rows.indices, rows.values)
    ]
    metadata = {N_FEATURES: str(width).encode()}
    fields = [
        with_role(pa.field("indices", lists[0].type, metadata=metadata), Role.INDICES),
        with_role(pa.field("values", lists[1].type), Role.VALUES),
    ]
    batch = pa.RecordBatch.from_arrays(lists, schema=pa.schema(fields))
    return digest_of([batch.slice(0, 2), batch.slice(2)], batch.schema)


@given(batches(), st.integers(1, GROUPS))
def test_statistics(batch: pa.RecordBatch, most: int) -> None:
    seen = [Statistics(), Statistics()]
    for block in (batch.slice(batch.num_rows // 2), batch, batch):  # its values are known then
        tokens = tokens_of(block, "xxh32", 3)
        groups = Groups.of((np.arange(block.num_rows) * 7 % GROUPS % most).astype(np.int8))
        seen[0].see(tokens, groups)
        with without_kernels():
            seen[1].see(tokens, groups)
    one, other = (each.report(None, ["train", "validation"], is_binary=True) for each in seen)
    assert one == other
    for name, each in seen[0].columns.items():
        reference = seen[1].columns[name]
        assert_equal(each.crossed.state(), reference.crossed.state())
        assert_equal(each.values.known, reference.values.known)


BLOCK = Bytes(Path("rows.csv"), 0, b"", 0)
PIECES = st.sampled_from([b"a", b"bc", b",", b",", b"\n", b"\r", b"\r\n", b"\0", b"\xc3\xa9"])
ODD_PIECES = st.sampled_from([b'"', b"\xc3", b"\xff", b"\\", b" ", b"\xef\xbb\xbf", b"x" * 30])
REGULAR = st.lists(
    st.lists(
        st.sampled_from([b"", b"1", b"ab", b"\xc3\xa9", b"z" * 16, b"q" * 40]),
        min_size=3,
        max_size=3,
    ),
    max_size=90,
).map(lambda rows: b"\n".join(b",".join(cells) for cells in rows))


def parsed(data: bytes, dialect: Dialect, names: tuple[str, ...]) -> tuple[object, ...]:
    block = DelimitedBlock(replace(BLOCK, data=data), names, names[::-1][:2], dialect)
    made = block.parse()
    made.batch.validate(full=True)
    return made.batch.schema, made.batch.to_pydict(), [(bad.reason, bad.line()) for bad in made.bad]


@given(
    st.lists(PIECES | ODD_PIECES, max_size=120).map(b"".join)
    | st.lists(PIECES, max_size=60).map(b"".join)
    | REGULAR,
    st.integers(1, 3),
    st.sampled_from([None, '"']),
    st.sampled_from([None, "\\"]),
    LEVELS,
)
def test_blocks_of_csv(
    data: bytes, width: int, quote: str | None, escape: str | None, level: int
) -> None:
    dialect, names = Dialect(",", quote, escape), ("a", "b", "c")[:width]
    with at_level(level):
        compiled = parsed(data, dialect, names)
    with without_kernels():
        assert compiled == parsed(data, dialect, names)


@pytest.mark.parametrize(
    "data",
    [
        (b"x" * 5000 + b",y\n") * 60 + b"1,2\n" * 50_000,
        b"1,2\n" * 70_000 + (b"x" * 5000 + b",y\r\n") * 60,
        b"1,2\n" * 70_000 + b"3,4,5",
    ],
    ids=["shorter", "longer", "odd"],
)
def test_rows_become_others_behind_the_sample(data: bytes) -> None:
    """There are more rows than the first of them promise, or more bytes of a column."""
    dialect = Dialect(",")
    compiled = parsed(data, dialect, ("a", "b"))
    with without_kernels():
        assert compiled == parsed(data, dialect, ("a", "b"))


@pytest.mark.parametrize("kind", [np.uint64, np.int64, np.uint16])
def test_keys_of_another_type_are_left_to_numpy(kind: type[np.integer[Any]]) -> None:
    """A hasher that somebody else wrote may return them."""
    batch = pa.record_batch([["a", "b", None]], schema=pa.schema([CATEGORICAL]))
    (tokens,) = tokens_of(batch, "murmur3_32", 0)
    keys = (tokens.hashes % 100).astype(kind)
    compiled = sparse_rows(RowTokens([tokens]), [keys])
    with without_kernels():
        reference = sparse_rows(RowTokens([tokens]), [keys])
    for one, other in zip(vars(compiled).values(), vars(reference).values(), strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.binary(max_size=400), st.integers(0, 2**32 - 1))
def test_checksums(data: bytes, before: int) -> None:
    kernels = library.library()
    assert kernels is not None
    if platform.machine() == "x86_64":
        assert file_calls.crc32(kernels, memoryview(data), before) == zlib.crc32(data, before)


@given(CELLS, st.integers(0, 3), st.booleans())
def test_texts_of_one_width(cells: list[str | None], start: int, alike: bool) -> None:
    texts = column([str(cell)[:9].ljust(20, "x") if alike else cell or "" for cell in cells], start)
    (compiled,) = fixed_width([texts], "id", "npz").pieces
    with without_kernels():
        (reference,) = fixed_width([texts], "id", "npz").pieces
    assert (compiled.dtype, compiled.tolist()) == (reference.dtype, reference.tolist())


WHOLE = st.integers(-99, 99).map(float)


@given(st.data())
def test_lines_of_libsvm(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(st.integers(0, 2**31 - 2), max_size=5), max_size=9))
    values = data.draw(st.sampled_from([WHOLE, WHOLE | st.sampled_from([-0.0, 0.5, 100.0, 1e20])]))
    width = {N_FEATURES: str(2**31 - 1).encode()}
    fields = [
        with_role(pa.field("l", pa.float64()), Role.LABEL),
        with_role(pa.field("i", pa.list_(pa.int32()), metadata=width), Role.INDICES),
        with_role(pa.field("v", pa.list_(pa.float32())), Role.VALUES),
    ]
    entries = [[data.draw(values) for _ in row] for row in rows]
    labels = [data.draw(WHOLE | st.floats(allow_nan=False)) for _ in rows]
    batch = pa.record_batch([labels, rows, entries], schema=pa.schema(fields))
    made = [io.BytesIO(), io.BytesIO()]
    LibsvmWriter().write([batch.slice(1)], batch.schema, made[0])
    with without_kernels():
        LibsvmWriter().write([batch.slice(1)], batch.schema, made[1])
    assert made[0].getvalue() == made[1].getvalue()


def test_arrays_that_do_not_fit_each_other() -> None:
    kernels = library.library()
    assert kernels is not None
    codes, keys, sums = np.arange(4, dtype=np.int32), np.arange(4, dtype=np.uint32), np.zeros(2)
    few, ones = np.zeros(3, np.bool_), np.ones(3, np.float32)
    assert calls.sparse(kernels, [calls.Column(codes, keys, few)]) is None
    assert calls.sparse(kernels, [calls.Column(codes, keys[:3], None)]) is None
    good = calls.Column(codes, keys, None)
    for order in ([0, 1, 2], [0, 1, 2, 4], [0, 1, 2, -1]):
        assert calls.sparse(kernels, [good], np.array(order, np.int32)) is None
    assert calls.sparse_keys(kernels, keys, 2, 3) is None
    assert calls.sparse_keys(kernels, keys.astype(np.uint16), 2, 2) is None
    assert calls.sparse_keys(kernels, np.zeros(257, np.uint32), 257, 1) is None
    assert calls.count(kernels, codes, few, 4, None, 1) is None
    assert calls.count(kernels, codes, None, 2, None, 1) is None
    offsets, digests = np.array([0, 2, 4]), sums.astype(np.uint64)
    assert calls.digest(kernels, (offsets, keys, ones), digests, 0) is None
    assert calls.digest(kernels, (offsets[::-1], keys, ones), digests, 0) is None
    assert calls.digest(kernels, (offsets, keys, np.ones(4)), digests[1:], 0) is None
    with pytest.raises(ValueError, match="4 values have 3 counts"):
        calls.add_to_sketch(
            kernels, np.zeros(4, np.uint64), np.zeros(3, np.int64), np.zeros((4, 8), np.int64)
        )
