"""`custom_hasher` against mmh3 and xxhash, and the same in every process."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import mmh3
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from headrace.runtime.hashing.functions import HASH_FUNCTIONS, hash_cells
from tests import children
from tests.transforms.batches import CELLS, UNICODE, WIDTHS, batch_of, sparse_rows, tables
from transforms.custom_hasher import CustomHasher

SEEDS = st.one_of(st.just(0), st.just(2**32 - 1), st.integers(0, 2**32 - 1))
NAMES = st.sampled_from(["xxh32", "murmur3_32"])


def _murmur3(text: bytes, seed: int) -> int:
    return int(mmh3.hash(text, seed, signed=False))


def _xxh32(text: bytes, seed: int) -> int:
    return int(xxhash.xxh32(text, seed).intdigest())


ORACLES: dict[str, Callable[[bytes, int], int]] = {"murmur3_32": _murmur3, "xxh32": _xxh32}


def expected(table: dict[str, list[Any]], hasher: CustomHasher) -> list[list[tuple[int, float]]]:
    rows = len(next(iter(table.values())))
    size = hasher.n_features
    if hasher.index_ranges == "per_column":
        size //= len(table)
    made = []
    for row in range(rows):
        counts: Counter[int] = Counter()
        for place, (name, cells) in enumerate(table.items()):
            if cells[row] is not None:
                token = f"{name}={cells[row]}".encode()
                first = place * size if hasher.index_ranges == "per_column" else 0
                counts[first + ORACLES[hasher.hash](token, hasher.seed) % size] += 1
        made.append([(index, float(count)) for index, count in sorted(counts.items())])
    return made


def test_every_hash_function_has_an_oracle() -> None:
    assert ORACLES.keys() == HASH_FUNCTIONS.keys()


@given(st.lists(CELLS, max_size=20), UNICODE, SEEDS, NAMES)
def test_hash_of_cells(cells: list[str | None], prefix: str, seed: int, name: str) -> None:
    texts = [None if cell is None else prefix + cell for cell in cells]
    column = pa.array(texts, pa.string())
    hashes = hash_cells(column, seed=seed, function=HASH_FUNCTIONS[name])
    for text, hashed in zip(texts, hashes.tolist(), strict=True):
        if text is not None:
            assert hashed == ORACLES[name](text.encode(), seed)


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_hash_of_every_length(name: str) -> None:
    """Lengths on both sides of each word, stripe and group, alone and beside all others."""
    text = "0123456789abcdef" * 40
    cells = [text[:length] for length in [*range(300), 511, 512, 513]]
    theirs = [ORACLES[name](cell.encode(), 7) for cell in cells]
    function = HASH_FUNCTIONS[name]
    assert hash_cells(pa.array(cells), seed=7, function=function).tolist() == theirs
    alone = [hash_cells(pa.array([cell]), seed=7, function=function).tolist() for cell in cells]
    assert alone == [[each] for each in theirs]


@given(tables(), WIDTHS, NAMES, SEEDS)
def test_shared_range(table: dict[str, list[Any]], n: int, name: Any, seed: int) -> None:
    hasher = CustomHasher(n, name, seed)
    assert sparse_rows(hasher.apply(batch_of(table))) == expected(table, hasher)


@given(tables(), WIDTHS, NAMES, SEEDS)
def test_ranges_of_their_own(table: dict[str, list[Any]], n: int, name: Any, seed: int) -> None:
    hasher = CustomHasher(max(n, len(table)), name, seed, "per_column")
    rows = sparse_rows(hasher.apply(batch_of(table)))
    assert rows == expected(table, hasher)
    size = hasher.n_features // len(table)
    for row, made in enumerate(rows):
        present = [place for place, cells in enumerate(table.values()) if cells[row] is not None]
        assert [index // size for index, _ in made] == present


def test_numbers_are_counted_with_their_weight() -> None:
    hasher = CustomHasher(2**31 - 1, "murmur3_32", 3)
    rows = sparse_rows(hasher.apply(batch_of({"I1": [2.5, 0.0, None, -1.0]})))
    index = _murmur3(b"I1", 3) % (2**31 - 1)
    assert rows == [[(index, 2.5)], [], [], [(index, -1.0)]]


def test_too_few_features_for_ranges_of_their_own() -> None:
    batch = batch_of({"a": ["x"], "b": ["y"], "c": ["z"]})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (asserted in full below)
        CustomHasher(2, index_ranges="per_column").output_schema(batch.schema)
    assert str(caught.value) == (
        "3 columns need at least 3 features for ranges of their own (n_features=2)"
    )


SCRIPT = """
from tests.transforms.batches import batch_of, sparse_rows
from transforms.custom_hasher import CustomHasher
batch = batch_of({"site": ["1fbe01fe", "é", None], "C1": ["1005", "1005", "1002"]})
print([sparse_rows(CustomHasher(2**20, name, 5).apply(batch)) for name in ("xxh32", "murmur3_32")])
"""


def test_the_same_in_every_process() -> None:
    printed = {
        children.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1")
    }
    here = batch_of({"site": ["1fbe01fe", "é", None], "C1": ["1005", "1005", "1002"]})
    rows = [
        sparse_rows(CustomHasher(2**20, name, 5).apply(here)) for name in ("xxh32", "murmur3_32")
    ]
    assert printed == {f"{rows}\n"}
