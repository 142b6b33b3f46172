"""Cells of any length: hashed to the bit, in work that is in proportion to their bytes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher as Oracle
from sklearn.utils import murmurhash3_32

from headrace.runtime.errors import DataError
from headrace.runtime.hashing import hash64, words
from headrace.runtime.hashing.functions import HASH_FUNCTIONS, hash_cells
from headrace.runtime.hashing.hash64 import key_of
from tests.runtime.jobs import job, run
from tests.sampling import examples
from tests.transforms.batches import batch_of, sparse_rows
from transforms.feature_hasher import FeatureHasher

REFERENCES: dict[str, Callable[[bytes, int], int]] = {
    "murmur3_32": lambda data, seed: int(murmurhash3_32(data, seed, positive=True)),
    "xxh32": lambda data, seed: int(xxhash.xxh32_intdigest(data, seed)),
}
LENGTHS = st.one_of(st.integers(0, 200), st.integers(0, 5000), st.integers(0, 100_000))
TEXTS = st.lists(st.tuples(st.text("aé€𝄞", max_size=7), LENGTHS), min_size=1, max_size=6)


def texts_of(drawn: list[tuple[str, int]]) -> list[str]:
    """Texts of so many characters that repeat the ones drawn."""
    return [
        ((start or "x") * (length // max(1, len(start)) + 1))[:length] for start, length in drawn
    ]


@pytest.mark.parametrize("name", HASH_FUNCTIONS)
@settings(deadline=None, max_examples=examples(25))
@given(drawn=TEXTS, seed=st.integers(0, 2**32 - 1))
def test_hash_functions_equal_their_references(
    name: str, drawn: list[tuple[str, int]], seed: int
) -> None:
    texts = texts_of(drawn)
    expected = [REFERENCES[name](text.encode(), seed) for text in texts]
    function = HASH_FUNCTIONS[name]
    assert hash_cells(pa.array(texts), seed, function).tolist() == expected
    alone = [int(hash_cells(pa.array([text]), seed, function)[0]) for text in texts]
    assert alone == expected


@settings(deadline=None, max_examples=examples(8))
@given(drawn=TEXTS)
def test_a_cell_has_one_digest_alone_and_among_others(drawn: list[tuple[str, int]]) -> None:
    texts, key = texts_of(drawn), key_of("c")
    alone = [int(hash64.hash64(pa.array([text]), key)[0]) for text in texts]
    assert hash64.hash64(pa.array(texts * 70), key).tolist() == alone * 70


@settings(deadline=None, max_examples=examples(15))
@given(drawn=TEXTS)
def test_long_tokens_equal_scikit_learn(drawn: list[tuple[str, int]]) -> None:
    texts = texts_of(drawn)
    hashed = FeatureHasher(1 << 12).apply(batch_of({"c": texts}))
    expected = Oracle(1 << 12, input_type="dict").transform([{"c": text} for text in texts])
    entries = [[(int(index), float(value))] for index, value in zip(*_flat(expected), strict=True)]
    assert sparse_rows(hashed) == entries


def _flat(matrix: Any) -> tuple[Any, Any]:
    return matrix.indices, matrix.data


class Counted:
    """Counts the steps of hashing: calls of NumPy for many cells, words for a single one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = self.words = 0
        word, pieces = words.Cells.word, words.pieces

        def counted_word(cells: words.Cells, position: int) -> words.U64:
            self.calls += 1
            return word(cells, position)

        def counted_pieces(long: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> object:
            self.words += len(long)
            return pieces(long)

        monkeypatch.setattr(words.Cells, "word", counted_word)
        for module in ("murmur3", "xxh32", "hash64"):
            home = import_module(f"headrace.runtime.hashing.{module}")
            monkeypatch.setattr(home, "pieces", counted_pieces)


@pytest.mark.parametrize("name", [*HASH_FUNCTIONS, "hash64"])
@pytest.mark.parametrize("length", [10_000, 1_000_000])
@pytest.mark.usefixtures("numpy_alone")
def test_one_long_cell_costs_its_own_words(
    name: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    texts = pa.array(["x" * length, *(f"s{i}" for i in range(1000))])
    if name == "hash64":
        hash64.hash64(texts, key_of("c"))
    else:
        hash_cells(texts, 0, HASH_FUNCTIONS[name])
    assert counted.words <= length / 4 + 1
    assert counted.calls <= 64


@pytest.mark.usefixtures("numpy_alone")
def test_many_long_cells_are_hashed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    hash_cells(pa.array([f"{i:05}" * 1000 for i in range(200)]))
    assert (counted.words, counted.calls) == (0, 5000 // 8)


@settings(deadline=None, max_examples=15)
@given(drawn=TEXTS)
def test_long_ids_are_the_ones_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int]]
) -> None:
    texts = [f"{text}." for text in texts_of(drawn)]
    content = "id,c\n" + "".join(f"{text},x\n" for text in texts)
    result = run(tmp_path_factory.mktemp("ids"), content, job(id="id"))
    assert [each.decode() for each in result.array("id")] == texts


def test_ids_that_would_fill_the_memory(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    content = f"id,c\n{long},x\n" + "".join(f"{i},x\n" for i in range(1000))
    with pytest.raises(DataError) as caught:
        run(tmp_path, content, job(id="id"))
    assert str(caught.value) == (
        "column 'id': npz makes the 1,001 ids of a part as long as the longest, which has "
        "3,000,000 bytes; use output.format=parquet, or a smaller output.rows_per_part"
    )
    assert (
        run(tmp_path, content, job(id="id", format="parquet")).manifest["rows"]["written"] == 1001
    )
