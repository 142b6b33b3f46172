"""About how long and how much: from the data's size to the lines of a plan."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.aws.clients import client
from headrace.config import defaults
from headrace.config.dataset import DatasetConfig
from headrace.config.job_settings import ResourcesConfig
from headrace.config.models import JobConfig
from headrace.job import inputs
from headrace.job.inputs import DataInput
from headrace.targets.sagemaker.cost import (
    MOST_TEXT,
    DataSize,
    Estimate,
    estimate,
    estimate_lines,
    measure,
    vcpus,
)
from tests.moto_server import REGION

HEADER = "id,click,site\n"
ROWS = [f"{number:07},{number % 2},s{number % 97:02}\n" for number in range(200_000)]
CSV = (HEADER + "".join(ROWS)).encode()
SMALL = (HEADER + "".join(ROWS[:500])).encode()


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content))


def measured(path: Path | str, **dataset: object) -> DataSize:
    settings = DatasetConfig.model_validate({"path": str(path), "label": "click", **dataset})
    return measure(inputs.resolve(str(path)), settings)


@pytest.mark.parametrize(
    ("content", "dataset", "rows"),
    [
        (SMALL, {}, 500),
        (SMALL[:-1], {}, 500),
        (SMALL.partition(b"\n")[2], {"columns": ("id", "click", "site")}, 500),
        (HEADER.encode(), {}, 0),
        (b"", {}, 0),
    ],
)
def test_small_files_are_counted(
    content: bytes, dataset: dict[str, object], rows: int, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert measured(path, **dataset) == DataSize(1, len(content), len(content), rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.csv", CSV),
        ("data.csv.gz", gzip.compress(CSV)),
        ("data.csv.gz", gzip.compress(CSV[:1_500_000]) + gzip.compress(CSV[1_500_000:])),
        ("data.csv.zst", zstd(CSV)),
        ("train.gz", gzip.compress(CSV)),
    ],
)
def test_large_files_are_sampled(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    size = measured(path)
    assert (size.files, size.bytes) == (1, len(content))
    assert size.text_bytes == pytest.approx(len(CSV), rel=0.1)
    assert size.rows == pytest.approx(len(ROWS), rel=0.1)


def test_a_sample_that_goes_on_for_long_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 64_000_000, 1))
    tracemalloc.start()
    rows = measured(path).rows
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == pytest.approx(64_000_000, rel=0.5)  # 64 kB more or less are 4,000,000 rows
    assert peak < 4 * MOST_TEXT


def test_a_folder_is_all_its_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(SMALL)
    (tmp_path / "_SUCCESS").touch()
    assert measured(tmp_path) == DataSize(3, 3 * len(SMALL), 3 * len(SMALL), 1500)


def test_json_lines_have_no_header(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 700)
    assert measured(path).rows == 700


def test_parquet_knows_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": ["x" * 50] * 3000, "b": list(range(3000))}), path)
    size = measured(path)
    assert (size.files, size.bytes, size.rows) == (1, path.stat().st_size, 3000)
    assert size.text_bytes == pytest.approx(pq.read_metadata(path).row_group(0).total_byte_size)


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.parquet"])
def test_s3_is_sampled_alike(name: str, aws: str, tmp_path: Path) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    table = pa.table({"id": [row.strip() for row in ROWS]})
    if name.endswith("parquet"):
        pq.write_table(table, path, compression="none", use_dictionary=False)
    else:
        path.write_bytes(CSV if name.endswith("csv") else gzip.compress(CSV, 1))
    s3 = client("s3", REGION)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="in/_SUCCESS", Body=b"")
    s3.upload_file(str(path), "bucket", f"in/{name}")
    here = measured(path.parent)
    assert measured("s3://bucket/in/") == here
    assert here.rows == pytest.approx(len(ROWS), rel=0.1)


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("ml.t3.medium", 2),
        ("ml.m5.large", 2),
        ("ml.m5.xlarge", 4),
        ("ml.m5.4xlarge", 16),
        ("ml.c5.9xlarge", 36),
        ("ml.m7i-flex.2xlarge", 8),
        ("odd", 2),
    ],
)
def test_the_name_of_an_instance_type_tells_its_vcpus(instance_type: str, count: int) -> None:
    assert vcpus(instance_type) == count


ONE_GB = DataSize(files=4, bytes=10**9, text_bytes=10**9, rows=5_700_000)


@pytest.mark.parametrize(
    ("data", "resources", "expected"),
    [
        # two cores' worth: 5 s by the rows, 5.6 by the bytes; 20 s of transfer
        (ONE_GB, {}, Estimate(180, 60 + 20 + 10**9 / 178e6, 0.23 * (80 + 10**9 / 178e6) / 3600)),
        # many short rows
        (
            DataSize(1, 57_000_000, 57_000_000, 57_000_000),
            {"usd_per_hour": 3600},
            Estimate(180, 60 + 1.14 + 50, 111.14),
        ),
        # four instances share four files, and so would eight
        (
            ONE_GB,
            {"instance_count": 8, "usd_per_hour": 3600},
            Estimate(180, 65 + 10**9 / 712e6, 8 * (65 + 10**9 / 712e6)),
        ),
        # more than 16 vCPUs are not counted on
        (
            ONE_GB,
            {"instance_type": "ml.m5.24xlarge", "usd_per_hour": 0},
            Estimate(180, 80 + 10**9 / 712e6, 0),
        ),
        (DataSize(1, 0, 0, 0), {"instance_type": "ml.x9.large"}, Estimate(180, 60, None)),
    ],
)
def test_the_arithmetic(data: DataSize, resources: dict[str, object], expected: Estimate) -> None:
    made = estimate(data, ResourcesConfig.model_validate(resources))
    assert made.waiting_seconds == expected.waiting_seconds
    assert made.billed_seconds == pytest.approx(expected.billed_seconds)
    assert made.usd == (None if expected.usd is None else pytest.approx(expected.usd))


def config(path: Path | str, **resources: object) -> JobConfig:
    return JobConfig.model_validate(
        {
            "backend": {"name": "sklearn"},
            "target": {"name": "aws"},
            "dataset": {"path": str(path), "label": "click"},
            "transform": {"steps": {"split": {}}},
            "output": {"path": "s3://bucket/out"},
            "resources": resources,
        }
    )


def lines_for(path: Path | str, **resources: object) -> list[str]:
    return estimate_lines(config(path, **resources), inputs.resolve(str(path)))


def test_the_lines_of_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(SMALL)
    assert lines_for(path) == [
        f"data     about 500 rows, {len(SMALL) / 1000:.3g} kB in 1 file",
        "time     about 4 min: 3 min until it starts, 1 min of work",
        "cost     about 0.004 USD: 1 x ml.m5.xlarge; "
        "list price of 2026-07 in us-east-1, 0.23 USD an hour",
    ]
    assert lines_for(path, instance_type="ml.x9.large", instance_count=2)[2] == (
        "cost     unknown: 2 x ml.x9.large; "
        "no list price of ml.x9.large is known; set resources.usd_per_hour"
    )


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({}, "resources.max_runtime_minutes=120"),
        ({"max_runtime_seconds": 90}, "resources.max_runtime_seconds=90"),
        ({"max_runtime_minutes": None}, "SageMaker's own limit of a day"),
    ],
)
def test_a_job_that_would_be_cut_off_is_announced(
    tmp_path: Path, settings: dict[str, Any], limit: str
) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.write(SMALL)
        file.truncate(4 * 10**12)  # a hole: nothing of it is on the disk
    assert lines_for(path, instance_type="ml.t3.medium", **settings)[1] == (
        "time     about 34 h 46 min: 3 min until it starts, 34 h 43 min of work, "
        f"which is more than {limit} allows"
    )


def test_what_cannot_be_measured_is_unknown_and_no_failure(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = (
        "cost     unknown: 1 x ml.m5.xlarge; list price of 2026-07 in us-east-1, 0.23 USD an hour"
    )
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no more")
    (tmp_path / "broken.csv.gz").write_bytes(b"no gzip")
    (tmp_path / "data.odd").write_bytes(b"1")
    reasons = {
        "broken.parquet": "Parquet magic bytes not found in footer. Either the file is corrupted "
        "or this is not a parquet file.",
        "broken.csv.gz": "broken.csv.gz: the gzip data is broken (Not a gzipped file (b'no'))",
        "data.odd": "data.odd: cannot tell the format from the name; set dataset.format to one of "
        "csv, tsv, parquet, jsonl",
    }
    for name, why in reasons.items():
        assert lines_for(tmp_path / name) == [f"time     unknown: {why}", cost]
    gone = DataInput(f"file://{tmp_path}/gone.csv", files=(f"{tmp_path}/gone.csv",))
    assert estimate_lines(config(tmp_path / "gone.csv"), gone) == [
        f"time     unknown: [Errno 2] No such file or directory: '{tmp_path}/gone.csv'",
        cost,
    ]
    assert lines_for("s3://nowhere/in/") == [
        "time     unknown: cannot list 's3://nowhere/in/': AWS refused ListObjectsV2: "
        "NoSuchBucket: The specified bucket does not exist",
        cost,
    ]


def test_the_sample_of_the_project() -> None:
    assert measured(defaults.PROJECT / "data" / "avazu_sample.csv").rows == 5000
