"""What a manifest or a receipt lists, and which of them are believed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from headrace.results.layout import (
    MANIFEST,
    RECEIPT,
    Listing,
    folders_of,
    is_inside,
    listed,
    receipt,
)
from headrace.runtime.output.seal import sealed

PART = {"file": "train/part-00000.npz", "sha256": "ab" * 32, "rows": 2}
STATE = {"file": "report/state/x.arrow", "sha256": "cd" * 32}
CONTENT: dict[str, Any] = {
    "format_version": 1,
    "channels": {"train": {"rows": 2, "parts": [PART]}},
    "states": {"x": STATE},
    "config": {"é": 0.1},
}
FILES = ("train/part-00000.npz", "request.json", "report/state/x.arrow", MANIFEST)


def written(content: dict[str, Any], **options: Any) -> bytes:
    return json.dumps(content, **options).encode()


def test_a_manifest_lists_its_files_and_what_they_held() -> None:
    manifest = sealed(CONTENT, FILES)
    found = listed(written(manifest, indent=2, ensure_ascii=False))
    digests = {"train/part-00000.npz": "ab" * 32, "report/state/x.arrow": "cd" * 32}
    assert found == Listing(tuple(sorted(FILES)), digests)
    assert found.is_unchanged("train/part-00000.npz", "ab" * 32)
    assert not found.is_unchanged("train/part-00000.npz", "ff" * 32)
    assert found.is_unchanged("request.json", "ff" * 32)
    assert listed(written(manifest, sort_keys=True)) == found
    assert sealed(manifest, FILES) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"files": ["mine.txt"]},
        {"sha256": "0" * 64},
        {"sha256": None},
        {"channels": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_that_was_changed_lists_nothing(change: dict[str, Any]) -> None:
    assert listed(written({**sealed(CONTENT, FILES), **change})) is None


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"\xff", b'{"files": ["a"]}', b'{"sha256": "x"}'),
        b"[" * 100_000,
        b'{"files": [], "sha256": "x", "n": ' + b"1" * 5000 + b"}",
        b'{"files": ["\\ud800"], "sha256": "x"}',
        written(CONTENT),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_manifest_of_ours_lists_nothing(content: bytes) -> None:
    assert listed(content) is None


ELSEWHERE = (
    *("../mine", "/etc/passwd", "a/../../b", "./a", "a//b", "a/", "", ".", "..", "a\0b", "\ud800"),
    *(".headrace/lock", "a/.headrace", None, 7, ["a"]),
)


@pytest.mark.parametrize("path", ELSEWHERE, ids=repr)
def test_a_path_that_leads_elsewhere_is_not_followed(path: Any) -> None:
    assert not is_inside(path)
    if isinstance(path, str) and path != "\ud800":
        assert listed(written(sealed(CONTENT, [*FILES, path]))) is None
        part = {**PART, "file": path}
        changed = {**CONTENT, "channels": {"train": {"parts": [part]}}}
        assert listed(written(sealed(changed, FILES))) is None


@pytest.mark.parametrize(
    "odd",
    [{"channels": []}, {"channels": {"train": 1}}, {"states": [1]}, {"digests": "x"}],
    ids=str,
)
def test_a_sealed_manifest_of_another_shape_lists_nothing(odd: dict[str, Any]) -> None:
    assert listed(written(sealed({**CONTENT, **odd}, FILES))) is None


def test_a_receipt_lists_the_files_of_a_plan_and_itself() -> None:
    content = receipt("job-1", {"request.json": b"{}", "code/entry.pyz": b"x", "input/a": None})
    digests = {
        "code/entry.pyz": hashlib.sha256(b"x").hexdigest(),
        "request.json": hashlib.sha256(b"{}").hexdigest(),
    }
    files = ("code/entry.pyz", "input/a", RECEIPT, "request.json")
    assert listed(content) == Listing(files, digests, "job-1")
    assert listed(content.replace(b"job-1", b"job-2")) is None


def test_folders_are_named_from_the_inside() -> None:
    assert folders_of("report/state/x.arrow") == ["report/state", "report"]
    assert folders_of("request.json") == []
