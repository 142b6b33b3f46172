"""Rows on the disk until they are needed again."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.runtime.errors import DataError
from headrace.runtime.evaluation.rows import Spool

BATCH = pa.record_batch({"n": pa.array(range(10)), "list": pa.array([[1], [], [2, 3]] * 3 + [[4]])})


def test_rows_come_back_as_often_as_one_likes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, BATCH.schema)
    batches = [BATCH.slice(2, 3), BATCH.slice(0, 0), BATCH, BATCH.slice(9)]
    for batch in batches:
        spool.add(batch)
    assert spool.rows == 14
    for _ in range(3):
        assert list(spool.batches()) == batches
    spool.close()


def test_nothing_was_added(tmp_path: Path) -> None:
    spool = Spool(tmp_path, BATCH.schema)
    assert list(spool.batches()) == []
    assert spool.rows == 0
    spool.close()


def test_the_file_has_no_name_that_could_be_left_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path, BATCH.schema)
    spool.add(BATCH)
    assert list(tmp_path.iterdir()) == []
    spool.close()


def fill(folder: Path, times: int) -> None:
    with closing(Spool(folder, BATCH.schema)) as spool:
        for _ in range(times):
            spool.add(BATCH)
        list(spool.batches())


@pytest.mark.parametrize("times", [1, 1000])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """However much is written before anybody notices."""

    def full(**_: object) -> object:
        return Path("/dev/full").open("r+b", buffering=4096 * times)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(DataError) as caught:
        fill(tmp_path, times)
    assert str(caught.value) == (
        f"{tmp_path}: cannot keep the rows that evaluation needs again (No space left on device)"
    )


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Spool(tmp_path / "gone", BATCH.schema)
    assert str(caught.value) == (
        f"{tmp_path / 'gone'}: cannot keep the rows that evaluation needs again "
        "(No such file or directory)"
    )
