"""``action=look`` at what lies on S3: the beginning of the first object, and no more."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.aws import reading
from headrace.aws.s3 import S3Object
from headrace.look.look import look
from tests.s3.proxy import Proxy

pytestmark = pytest.mark.usefixtures("patient")
Put = Callable[..., None]
ROWS = 200_000


def lines(rows: int) -> bytes:
    return b"id;click\n" + b"".join(b"%d;%d\n" % (row * 7919, row % 2) for row in range(rows))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_beginning_of_a_large_object_is_enough(
    pack: Callable[[bytes], bytes], put: Put, proxy: Proxy
) -> None:
    suffix = "" if pack is bytes else ".gz"
    put({"a/_SUCCESS": b"", f"a/day=7/a.csv{suffix}": pack(lines(ROWS)), f"a/z.csv{suffix}": b"x"})
    found = look("s3://logs/a/", {})
    assert found.keys() == {
        "path": "s3://logs/a/", "delimiter": ";", "label": "click", "id": "id",
    }  # fmt: skip
    assert [column.name for column in found.table.columns] == ["id", "click", "day"]
    assert found.table.rows == 10_000


@pytest.mark.usefixtures("proxy")
def test_the_first_rows_of_a_parquet_object_are_enough(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = reading._read

    def counted(of: S3Object, start: int, size: int) -> bytes:
        asked.append(size)
        return read(of, start, size)

    monkeypatch.setattr(reading, "_read", counted)
    file = io.BytesIO()
    ids = np.random.default_rng(1).permutation(3_000_000)
    table = pa.table({"id": ids, "click": pa.array(ids % 2), "x": pa.array(ids % 9)})
    pq.write_table(table, file, row_group_size=1_000_000, compression="none")
    put({"a.parquet": file.getvalue()})
    found = look("s3://logs/a.parquet", {})
    assert (found.advice.label, found.table.rows) == ("click", 10_000)
    assert sum(asked) < len(file.getvalue()) / 2
