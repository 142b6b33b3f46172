"""Damaged JSON-lines and Parquet files: our error or rows, the same for blocks of any size."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.runtime.errors import HeadraceError
from tests.runtime.jobs import HASH, SPLIT, job, run
from tests.sampling import examples

SIZES = (1, 64, 1 << 20)
DATASETS: list[dict[str, Any]] = [
    {}, {"label": "y"}, {"label": "y", "numeric": ("n",), "on_bad_rows": "skip"},
    {"label": "y", "categorical": ("a", "z"), "on_bad_rows": "skip"}, {"categorical": ("a",)},
    {"id": "a", "categorical": ("n",)},
]  # fmt: skip

SURROGATES = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2)
KEYS = st.one_of(st.sampled_from(["y", "a", "n", "z", ""]), st.text(max_size=3), SURROGATES)
NUMBERS = st.sampled_from(["1", "0", "-0", "1e400", "NaN", "-Infinity", "9" * 400, "1.50", "0x1"])
TEXTS = st.one_of(st.text(max_size=5), SURROGATES, st.just("")).map(json.dumps)
SCALARS = st.one_of(NUMBERS, TEXTS, st.sampled_from(["null", "true", "false", "nul"]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda each: f"[{','.join(each)}]"),
        st.lists(st.tuples(KEYS, inner), max_size=2).map(lambda pairs: an_object(pairs)),
    ),
    max_leaves=4,
)


def an_object(pairs: list[tuple[str, str]]) -> str:
    """An object as text, in which a key may stand twice."""
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"


GOOD_LINES = ['{"y":1,"a":"x","n":2}', '{"y":0,"a":"é","n":0.5}', '{"n":null,"a":"","y":1}'] * 3
LINES = st.one_of(
    st.sampled_from(GOOD_LINES),
    st.lists(st.tuples(KEYS, VALUES), max_size=4).map(an_object),
    VALUES,
).map(lambda line: line.encode(errors="surrogatepass"))


def outcome(folder: Path, name: str, content: bytes, size: int, dataset: dict[str, Any]) -> object:
    """What becomes of a file: the bytes of the result, or the error of ours, never another."""
    spec = job(steps=[SPLIT, HASH], block_bytes=size, **dataset)
    try:
        return run(folder, {name: content}, spec).bytes()
    except HeadraceError as error:
        told = str(error)
        assert told.isprintable()
        return told.split(";")[0]  # how many more bad rows are near depends on the block


def has_one_outcome(folder: Path, name: str, content: bytes, dataset: dict[str, Any]) -> object:
    first, *others = [outcome(folder, name, content, size, dataset) for size in SIZES]
    assert all(other == first for other in others)
    return first


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(LINES, max_size=6), st.sampled_from(DATASETS))
@example([b'{"y":1,"a\\ud83d":"x"}'], {"label": "y"})
@example([b"{}", b'{"y":"","a":[]}'], {"label": "y"})
@example([b'{"y":1,"a":[]}', b"{}"], {"label": "y"})
@example([b'{"a":1,"a":2}', b'{"a":1}'], {})
@example([b"[" * 100_000, b'{"a":1}'], {"on_bad_rows": "skip"})
@example([b'{"a":"\xed\xa0\xbd"}', b'{"a":1}'], {"on_bad_rows": "skip"})
@example([b'{"a":{"b":' + b"[" * 900 + b"]" * 900 + b"}}"], {"categorical": ("a",)})
@example([b'{"a":1,"b":' + b"[" * 900 + b"]" * 900 + b"}"], {"categorical": ("a",)})
def test_json_lines_of_any_structure(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], dataset: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("json")
    has_one_outcome(folder, "d.jsonl", b"\n".join(lines) + b"\n", dataset)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with some bytes flipped, left out or put in, or cut short."""
    places = st.integers(0, max(0, len(content) - 1))
    flips = st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=4)
    return st.one_of(
        flips.map(lambda chosen: flipped(content, chosen)),
        places.map(lambda end: content[:end]),
        st.tuples(places, st.binary(max_size=8)).map(
            lambda put: content[: put[0]] + put[1] + content[put[0] :]
        ),
        st.tuples(places, places).map(lambda cut: content[: min(cut)] + content[max(cut) :]),
    )


def flipped(content: bytes, places: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, bits in places:
        changed[place] ^= bits
    return bytes(changed)


@settings(deadline=None, max_examples=examples(30))
@given(damaged("\n".join(GOOD_LINES).encode()), st.sampled_from(DATASETS))
def test_json_lines_with_bytes_changed(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, dataset: dict[str, Any]
) -> None:
    has_one_outcome(tmp_path_factory.mktemp("json"), "d.jsonl", content, dataset)


def parquet(**options: Any) -> bytes:
    table = pa.table(
        {
            "y": [1, 0, 1] * 4, "a": ["x", "é", None] * 4, "n": [0.5, None, 2.0] * 4,
            "tags": [["p"], [], None] * 4, "b": pa.array([b"t", b"ea", b""] * 4, pa.binary()),
        }
    )  # fmt: skip
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=5, **options)
    return file.getvalue()


PARQUET = [
    parquet(), parquet(compression="none", use_dictionary=False, store_schema=False),
    parquet(compression="zstd", data_page_version="2.0", write_page_checksum=True),
]  # fmt: skip


@settings(deadline=None, max_examples=examples(40))
@given(st.sampled_from(PARQUET).flatmap(damaged), st.sampled_from(DATASETS))
def test_parquet_with_bytes_changed(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, dataset: dict[str, Any]
) -> None:
    """Arrow finds a damage when it comes to it, which depends on how much it reads at a time."""
    folder = tmp_path_factory.mktemp("parquet")
    ends = [outcome(folder, "d.parquet", content, size, dataset) for size in SIZES]
    failed = [isinstance(end, str) for end in ends]
    assert all(failed) or ends == ends[:1] * len(ends)


def test_the_damaged_files_are_good_before(tmp_path: Path) -> None:
    dataset: dict[str, Any] = {"label": "y", "categorical": ("a", "b"), "numeric": ("n",)}
    for content in PARQUET:
        assert not isinstance(has_one_outcome(tmp_path, "d.parquet", content, dataset), str)
    lines = "\n".join(GOOD_LINES).encode()
    assert not isinstance(has_one_outcome(tmp_path, "d.jsonl", lines, {"label": "y"}), str)
