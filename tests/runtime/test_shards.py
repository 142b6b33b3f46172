"""The same rows, and the same metrics, however many hosts share the files of a job."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DataError, JobFailed
from headrace.runtime.chain.pipeline import Rows
from headrace.runtime.hashing.functions import murmur3_32
from headrace.runtime.hashing.tokens import column_tokens
from headrace.runtime.spec import JobSpec, StepSpec
from headrace.runtime.statistics import distinct, frequent, timeline
from headrace.runtime.statistics.crossed import groups_of
from headrace.runtime.statistics.metrics import Totals, metrics
from headrace.runtime.statistics.observed import Observed
from headrace.runtime.statistics.statistics import Statistics
from headrace.runtime.transform import Role, with_role
from tests.runtime.jobs import HASH, SPLIT, clicks, gzipped, job, run
from tests.runtime.shards import run_shared

HEADER, *LINES = clicks(400, columns=5, distinct=40).splitlines(keepends=True)
TEXT = pc.ConvertOptions(column_types=dict.fromkeys(HEADER.strip().split(","), pa.string()))


def csv(lines: list[str]) -> str:
    return HEADER + "".join(lines)


def table(lines: list[str]) -> pa.Table:
    options = pc.ConvertOptions(column_types=TEXT.column_types, strings_can_be_null=True)
    return pc.read_csv(io.BytesIO(csv(lines).encode()), convert_options=options)


def parquet(lines: list[str]) -> bytes:
    file = io.BytesIO()
    pq.write_table(table(lines), file)
    return file.getvalue()


def jsonl(lines: list[str]) -> str:
    return "".join(json.dumps(row) + "\n" for row in table(lines).to_pylist())


FORMS: dict[str, Callable[[list[str]], bytes | str]] = {
    "csv": csv,
    "csv.gz": lambda lines: gzipped(csv(lines)),
    "jsonl": jsonl,
    "parquet": parquet,
}


def spec_of(**how: Any) -> JobSpec:
    how = {"id": "id", "label": "click", "steps": [SPLIT, HASH], "numeric": ("c1",), **how}
    return job(rows_per_part=70, **how)


NUMBERS = [line.replace(",v", ",") for line in LINES]


def files(form: str, count: int = 5, seed: int | None = None) -> dict[str, bytes | str]:
    """The rows in so many files of unequal length, in their order or in any."""
    lines, edges = NUMBERS.copy(), [0, 10, 30, 150, 152, len(NUMBERS)]
    if seed is not None:
        lines = np.random.default_rng(seed).permutation(lines).tolist()
    pieces = [lines[a:b] for a, b in pairwise(edges)][:count]
    return {f"{place}.{form}": FORMS[form](piece) for place, piece in enumerate(pieces)}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_and_metrics_from_any_number_of_hosts(tmp_path: Path, form: str) -> None:
    alone = run(tmp_path, csv(NUMBERS), spec_of())
    wanted = {name: each["digest"] for name, each in alone.manifest["channels"].items()}
    for hosts, seed in ((1, 7), (2, None), (3, 8)):
        shared = run_shared(tmp_path, files(form, seed=seed), spec_of(format="parquet"), hosts)
        made = {name: each["digest"] for name, each in shared.manifest["channels"].items()}
        assert made == wanted
        assert without_bytes(shared.metrics) == without_bytes(alone.metrics)
        assert shared.manifest["rows"] == alone.manifest["rows"]


def without_bytes(metrics: dict[str, Any]) -> dict[str, Any]:
    for channel in metrics["channels"].values():
        del channel["bytes"]
    return metrics


@pytest.mark.parametrize(
    "steps",
    [
        [SPLIT],
        [StepSpec("custom_hasher", "custom_hasher", {"index_ranges": "per_column"})],
        [StepSpec("feature_hasher", "feature_hasher", {"n_features": 90})],
    ],
)
def test_metrics_of_other_chains(tmp_path: Path, steps: list[StepSpec]) -> None:
    spec = spec_of(steps=steps, format="parquet", label=None, id=None)
    alone = run(tmp_path, csv(NUMBERS), spec)
    shared = run_shared(tmp_path, files("csv"), spec, 3)
    assert without_bytes(shared.metrics) == without_bytes(alone.metrics)


def test_estimates_are_those_of_one_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "LIMIT", 16)
    monkeypatch.setattr(frequent, "EXACT", 16)
    alone = run(tmp_path, csv(NUMBERS), spec_of())
    shared = run_shared(tmp_path, files("csv"), spec_of(), 3)
    assert not alone.metrics["collisions_are_exact"]
    assert without_bytes(shared.metrics) == without_bytes(alone.metrics)


def test_labels_are_added_up_exactly(tmp_path: Path) -> None:
    given = {"a.csv": "y,c\n0.1,a\n1e16,b\n", "b.csv": "y,c\n0.2,a\n-1e16,b\n"}
    shared = run_shared(tmp_path, given, job(label="y"), 2)
    assert shared.metrics["channels"]["train"]["label_mean"] == float(
        (Fraction(0.1) + Fraction(0.2)) / 4
    )


def test_the_manifest_says_which_host_made_what(tmp_path: Path) -> None:
    shared = run_shared(tmp_path, files("csv"), spec_of(), 2)
    manifest = shared.manifest
    assert list(manifest["hosts"]) == ["algo-1", "algo-2"]
    assert "host_count" not in manifest
    for name, channel in manifest["channels"].items():
        shares = [host["channels"][name] for host in manifest["hosts"].values()]
        assert sum(share["rows"] for share in shares) == channel["rows"]
        for host, share in zip(manifest["hosts"], shares, strict=True):
            own = [part for part in channel["parts"] if f"part-{host}-" in part["file"]]
            assert (sum(part["rows"] for part in own), len(own)) == (share["rows"], share["parts"])
    timings = json.loads((shared.output / "report/timings.json").read_text())
    each = [
        json.loads((shared.output / f"report/{host}/timings.json").read_text())
        for host in manifest["hosts"]
    ]
    assert timings == {
        "seconds": max(one["seconds"] for one in each),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in each),
        "threads": 4,
    }


def test_an_empty_shard_takes_part(tmp_path: Path) -> None:
    given = {"a.csv": csv(NUMBERS), "b.csv": HEADER, "c.csv": csv(["x,broken,,,,,\n"])}
    shared = run_shared(tmp_path, given, spec_of(on_bad_rows="skip"), 3)
    alone = run(tmp_path, given, spec_of(on_bad_rows="skip"))
    assert [host["rows"]["written"] for host in shared.manifest["hosts"].values()] == [400, 0, 0]
    assert shared.manifest["rows"] == {"read": 401, "written": 400, "rejected": 1}
    assert without_bytes(shared.metrics) == without_bytes(alone.metrics)
    first = run_shared(tmp_path, {"a.csv": HEADER, "b.csv": csv(NUMBERS)}, spec_of(), 2)
    assert first.metrics["columns"] == alone.metrics["columns"]


def test_shards_that_all_are_empty(tmp_path: Path) -> None:
    with pytest.raises(JobFailed) as caught:
        run_shared(tmp_path, {"a.csv": HEADER, "b.csv": HEADER}, spec_of(), 2)
    assert str(caught.value) == "there are no good rows in what the 2 instances read"


def test_a_skewed_shard(tmp_path: Path) -> None:
    given = {"a.csv": csv(NUMBERS[:4]), "b.csv": csv(NUMBERS[4:])}
    shared = run_shared(tmp_path, given, spec_of(), 2)
    alone = run(tmp_path, csv(NUMBERS), spec_of())
    assert without_bytes(shared.metrics) == without_bytes(alone.metrics)
    assert (
        shared.manifest["channels"]["train"]["digest"]
        == (alone.manifest["channels"]["train"]["digest"])
    )


def test_a_corrupt_file_in_one_shard_is_named(tmp_path: Path) -> None:
    whole = gzipped(csv(NUMBERS))
    given: dict[str, bytes | str] = {
        "a.csv": csv(NUMBERS[:9]),
        "b.csv.gz": whole[: len(whole) // 2],
    }
    with pytest.raises(DataError) as caught:
        run_shared(tmp_path, given, spec_of(), 2)
    assert str(caught.value) == "b.csv.gz: the gzip data is cut short"


def test_columns_in_another_order_do_not_go_together(tmp_path: Path) -> None:
    given = {"a.csv": "y,c,d\n1,a,b\n", "b.csv": "y,d,c\n1,b,a\n"}
    with pytest.raises(JobFailed) as caught:
        run_shared(tmp_path, given, job(label="y"), 2)
    assert str(caught.value) == (
        "the manifests of the hosts do not go together: algo-2 has other columns, or "
        "the same in another order, than algo-1"
    )


ROWS = st.tuples(
    st.sampled_from(["0", "1", "0.1", "1e16"]),
    st.sampled_from(["", "a", "b", "c", "d"]),
    st.sampled_from(["14102100", "14102101", ""]),
)
SHARES = st.lists(st.lists(ROWS, min_size=1, max_size=12), min_size=2, max_size=4)


@given(SHARES)
def test_what_hosts_learned_is_merged_in_any_order(shares: list[list[tuple[str, ...]]]) -> None:
    contents = [learned(share) for share in shares]
    together = learned([row for share in shares for row in share])
    alone = report_of([together])
    assert {report_of(order) for order in permutations(contents)} == {alone}


def learned(rows: list[tuple[str, ...]]) -> bytes:
    """What a host leaves behind that has these rows of label, value and hour."""
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([float(label) for label, _, _ in rows]),
            pa.array([value or None for _, value, _ in rows], pa.string()),
            pa.array([hour or None for _, _, hour in rows], pa.string()).dictionary_encode(),
        ],
        schema=pa.schema(
            [
                with_role(pa.field("y", pa.float64()), Role.LABEL),
                with_role(pa.field("c", pa.string()), Role.CATEGORICAL),
                with_role(pa.field("hour", pa.dictionary(pa.int32(), pa.string())), Role.TIME),
            ]
        ),
    )
    totals, statistics = Totals(), Statistics()
    totals.add(Rows({0: batch}, 1))
    statistics.see(column_tokens(batch, murmur3_32, 0), groups_of(batch))
    return Observed(totals, statistics, "hour").to_bytes()


def report_of(contents: Sequence[bytes]) -> str:
    first, *others = map(Observed.from_bytes, contents)
    for other in others:
        first.merge(Observed.from_bytes(other.to_bytes()))
    rows = {"written": first.totals.rows}
    channels = {"train": {"rows": first.totals.rows, "parts": []}}
    manifest = {"rows": rows, "n_features": None, "channels": channels}
    return json.dumps(metrics(manifest, first.totals, first.statistics, None, first.time))


def test_a_timeline_of_too_many_points_is_left_out_after_merging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "LIMIT", 30)
    alone = run(tmp_path, csv(NUMBERS), spec_of(time="c2"))
    shared = run_shared(tmp_path, files("csv"), spec_of(time="c2"), 3)
    assert shared.metrics["time"] == alone.metrics["time"]
    assert "left_out" in shared.metrics["time"]


def test_a_timeline_is_that_of_one_host(tmp_path: Path) -> None:
    alone = run(tmp_path, csv(NUMBERS), spec_of(time="c2"))
    shared = run_shared(tmp_path, files("csv"), spec_of(time="c2"), 3)
    assert shared.metrics["time"] == alone.metrics["time"]
    assert len(shared.metrics["time"]["points"]) > 10
