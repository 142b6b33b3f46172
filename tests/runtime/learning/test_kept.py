"""Groups of rows kept between passes: the same files as if each pass had read the input."""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from headrace.runtime.chain import kept
from headrace.runtime.errors import DataError
from headrace.runtime.sources import Group, Parsed
from headrace.runtime.spec import StepSpec
from tests.runtime.jobs import Files, gzipped, job, parquet_bytes, run, run_together
from tests.runtime.learning.test_kit import DATA, HASH, KIT, SPLIT, content, spec

BLOCK = 4500
"""Bytes: more than 64 rows, which are hashed in another way."""
NOTHING, SOME, ALL = 0, 12_000, 1 << 20
"""Bytes that may be kept in memory; a block needs about 6,000."""
NO_FILES, FILES = 0, 100
FILE_BYTES = 20_000
SHUFFLE = StepSpec("split", "split", {"method": "shuffle"})
LEFT_OUT = StepSpec("downsample", "downsample", {"rate": 0.5})
LOGARITHM = StepSpec("log", "arithmetic", {"operations": ["log1p"], "columns": ["x"]})
IDS = StepSpec("ids", "vocabulary", {})
FILLED = StepSpec("given", "impute", {"strategy": "constant", "value": "none"})
RARE = StepSpec("rare", "rare_values", {"min_count": 6, "replacement": "rare"})
NULLED = StepSpec("rare", "rare_values", {"min_count": 6, "replacement": None})
SKIPPED: dict[str, Any] = {"on_bad_rows": "skip"}


def with_bad_rows() -> str:
    """One that cannot be read, one that the first step refuses, and some for `LOGARITHM`."""
    lines = content().replace("e-", "e").splitlines()
    lines[20] += ",7"
    lines[40] = lines[40].rpartition(",")[0] + ",many"
    return "\n".join(lines) + "\n"


def positive() -> str:
    lines = [each for each in content().splitlines() if ",-" not in each]
    return "\n".join(lines) + "\n"


def table() -> pa.Table:
    return pa_csv.read_csv(io.BytesIO(content().encode()))


def several() -> Files:
    header, *lines = content().splitlines()
    return {
        f"{number}.csv.gz": gzipped("\n".join([header, *lines[number::3]]) + "\n")
        for number in range(3)
    }


def json_lines() -> Files:
    return {"a.jsonl": "".join(f"{json.dumps(row)}\n" for row in table().to_pylist())}


def limit(monkeypatch: pytest.MonkeyPatch, memory: int, files: int = NO_FILES) -> None:
    """Have so many bytes of memory and so many files for what is kept."""
    monkeypatch.setattr(kept, "MOST_BYTES", memory)
    monkeypatch.setattr(kept, "MOST_FILES", files)
    monkeypatch.setattr(kept, "FILE_BYTES", FILE_BYTES)


CASES: dict[str, tuple[Files, list[StepSpec], dict[str, Any]]] = {
    "several passes": (content(), KIT, {"rows_per_part": 100}),
    "hashed": (content(), [SPLIT, RARE, HASH], {"format": "npz", "output": {"tokens": True}}),
    "nulls": (content(), [SPLIT, NULLED, HASH], {"format": "npz"}),
    "nulls filled": (content(), [SPLIT, KIT[1], FILLED, HASH], {"format": "npz"}),
    "texts": (content(), [SPLIT, RARE], {"format": "csv"}),
    "ids": (content(), [SPLIT, IDS], {"format": "npy", "numeric": ()}),
    "counts": (content(), [SPLIT, StepSpec("counts", "count_encode", {})], {"format": "npy"}),
    "shuffled": (content(), [SHUFFLE, *KIT[1:]], {}),
    "left out": (content(), [SPLIT, LEFT_OUT, *KIT[1:]], {}),
    "left out behind": (content(), [*KIT, LEFT_OUT], {}),
    "several files": (several(), KIT, {}),
    "Parquet": ({"a.parquet": parquet_bytes(table(), row_group_size=100)}, KIT, {}),
    "JSON lines": (json_lines(), KIT, {"format": "csv"}),
    "bad rows": (with_bad_rows(), KIT, SKIPPED),
    "bad rows behind": (with_bad_rows(), [SPLIT, IDS, LOGARITHM], SKIPPED),
    "bad rows between": (with_bad_rows(), [SPLIT, IDS, LOGARITHM, *KIT[1:3]], SKIPPED),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    files, steps, settings = CASES[name]
    made = []
    for memory, number, threads in [(NOTHING, NO_FILES, 1), (SOME, NO_FILES, 2), (SOME, FILES, 2)]:
        limit(monkeypatch, memory, number)
        wanted = spec(steps, **{"threads": threads, "block_bytes": BLOCK, **settings})
        made.append(run(tmp_path, files, wanted).bytes())
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_jobs_of_several_widths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = [
        job(steps=[SPLIT, RARE, StepSpec("hash", "feature_hasher", {"n_features": width})], **DATA)
        for width in (16, 64)
    ]
    made = []
    for memory, files in [(NOTHING, NO_FILES), (ALL, NO_FILES), (NOTHING, FILES)]:
        limit(monkeypatch, memory, files)
        made.append([each.bytes() for each in run_together(tmp_path, content(), jobs)])
    assert made[1] == made[0]
    assert made[2] == made[0]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Group]:
    """The groups that have been parsed so far."""
    found: list[Group] = []
    parse = Group.parse

    def counted(group: Group) -> Parsed:
        found.append(group)
        return parse(group)

    monkeypatch.setattr(Group, "parse", counted)
    return found


def test_what_is_kept_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parsed: list[Group]
) -> None:
    found = {}
    for memory, files in [(NOTHING, NO_FILES), (SOME, NO_FILES), (ALL, NO_FILES)]:
        limit(monkeypatch, memory, files)
        run(tmp_path, content(), spec(KIT, block_bytes=BLOCK))
        found[memory] = len(parsed)
        parsed.clear()
    assert found[NOTHING] == 3 * found[ALL]
    assert found[ALL] < found[SOME] < found[NOTHING]


def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite, preadv = os.pwrite, os.preadv
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:1000], at))
    monkeypatch.setattr(os, "preadv", lambda file, to, at: preadv(file, [to[0][:1000]], at))


def without_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second group finds none left when it is half written."""
    pwrite, calls = os.pwrite, count()

    def written(file: int, data: memoryview, place: int) -> int:
        if next(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(file, data[: len(data) // 2 + 1] if len(data) > 4000 else data, place)

    monkeypatch.setattr(os, "pwrite", written)


def with_little_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what is free has room for two groups."""
    monkeypatch.setattr(kept, "FILE_BYTES", 1 << 20)
    monkeypatch.setattr(kept._File, "free", property(lambda file: 40_000 - file.size))


def without_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")


def with_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_FILES", 1)


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before the pass has ended."""
    pwrite, close, has_ended = os.pwrite, kept._Files.close, threading.Event()

    def written(*arguments: Any) -> int:
        has_ended.wait()
        return pwrite(*arguments)

    def closed(files: Any) -> Any:
        has_ended.set()
        return close(files)

    monkeypatch.setattr(kept, "_WAITING", 1)
    monkeypatch.setattr(os, "pwrite", written)
    monkeypatch.setattr(kept._Files, "close", closed)


def lossy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk says that it has the second group, and has it no more."""
    pwrite, calls = os.pwrite, count()

    def written(file: int, data: memoryview, place: int) -> int:
        return pwrite(file, bytes(len(data)) if next(calls) == 1 else data, place)

    monkeypatch.setattr(os, "pwrite", written)


def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fails)


def cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "preadv", lambda *_: 0)


def without_prefetch(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "posix_fadvise", fails)


def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder lies on a volume whose files take memory."""
    device, read = Path(tempfile.gettempdir()).stat().st_dev, Path.read_bytes
    mount = f"36 35 {os.major(device)}:{os.minor(device)} / /tmp rw shared:7 - tmpfs tmpfs rw\n"

    def content_of(path: Path) -> bytes:
        return mount.encode() if path.name == "mountinfo" else read(path)

    monkeypatch.setattr(Path, "read_bytes", content_of)


def has_files() -> bool:
    """Return whether temporary folders lie on a disk that has files without a name."""
    try:
        kept._File(Path(tempfile.gettempdir()))
    except OSError:
        return False
    return True


needs_files = pytest.mark.skipif(not has_files(), reason="the volume has no files without a name")

GROUPS = 4
FAULTS = [
    (in_pieces, {0}),
    (without_space, {3}),
    (with_little_space, {2}),
    (without_files, {4}),
    (without_prefetch, {0}),
    (in_memory, {4}),
    (with_one_file, {2}),
    (slow, {3}),
    (lossy, {1, 2, 3}),  # those that were on their way are not read again
    (unreadable, {4}),
    (cut_short, {4}),
]


@needs_files
@pytest.mark.parametrize(("fault", "again"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_whatever_the_disk_does(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    parsed: list[Group],
    fault: Callable[[pytest.MonkeyPatch], None],
    again: set[int],
) -> None:
    wanted = spec([SPLIT, IDS], format="npy", numeric=(), block_bytes=BLOCK)
    limit(monkeypatch, NOTHING)
    expected = run(tmp_path, content(), wanted).bytes()
    assert len(parsed) == 2 * GROUPS
    parsed.clear()
    limit(monkeypatch, NOTHING, FILES)
    with monkeypatch.context() as patched:
        fault(patched)
        assert run(tmp_path, content(), wanted).bytes() == expected
    assert len(parsed) - GROUPS in again


def nameless() -> int:
    """The number of files of this process that have no name."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder itself, which is open no more
            found += str(link.readlink()).endswith("(deleted)")
    return found


@needs_files
def test_space_is_free_again_once_it_has_been_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit(monkeypatch, NOTHING, FILES)
    monkeypatch.setattr(kept, "_WAITING", 6)
    group = kept.KeptRows(1, 1, 0, pa.py_buffer(bytes(FILE_BYTES // 2)))
    groups = kept.Kept(tmp_path / "not" / "made" / "yet")
    before = nameless()
    with groups.filled():
        for number in range(6):
            groups.put(number, group)
    assert not list(tmp_path.iterdir())
    left = [nameless() - before]
    for number in range(6):
        groups.take(number)
        left.append(nameless() - before)
    assert left == [3, 3, 2, 2, 1, 1, 0]


def test_a_bad_row_behind_what_was_kept_is_named(tmp_path: Path) -> None:
    """Its place is known only to whoever reads the group again."""
    lines = positive().splitlines()
    lines[150] = lines[150].rpartition(",")[0] + ",-7"
    with pytest.raises(DataError) as caught:
        run(tmp_path, "\n".join(lines) + "\n", spec([SPLIT, IDS, LOGARITHM], block_bytes=BLOCK))
    assert str(caught.value) == (
        "data.csv, line 151, column 'x': expected a number greater than -1, for log1p, got -7.0"
    )
