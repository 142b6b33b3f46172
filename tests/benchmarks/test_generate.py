"""The generator's promises, checked on the shipped sample and on one longer log."""

from __future__ import annotations

import csv
import gzip
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import generate
from tests import children

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "avazu_sample.csv"
ROWS = 60_000
HEADER = (
    "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,"
    "app_category,device_id,device_ip,device_model,device_type,device_conn_type,"
    "C14,C15,C16,C17,C18,C19,C20,C21"
)
HEX_COLUMNS = HEADER.split(",")[5:14]
VOCABULARY_SIZES = {
    "C1": 7, "banner_pos": 7, "site_id": 4_737, "site_domain": 7_745, "site_category": 26,
    "app_id": 8_552, "app_domain": 559, "app_category": 36, "device_id": 2_686_408,
    "device_ip": 6_729_486, "device_model": 8_251, "device_type": 5, "device_conn_type": 4,
    "C14": 2_626, "C15": 8, "C16": 9, "C17": 435, "C18": 4, "C19": 68, "C20": 172, "C21": 60,
}  # fmt: skip

Table = dict[str, list[str]]


def made(rows: int, seed: int = 0) -> bytes:
    return b"".join(generate.blocks(rows, seed))


@pytest.fixture(scope="module")
def log() -> Table:
    header, *rows = csv.reader(made(ROWS).decode().splitlines())
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def clicks_by(log: Table, column: str) -> dict[str, float]:
    """The click rate of each value of a column that at least 500 rows have."""
    shown = Counter(log[column])
    clicked = Counter(
        value for value, click in zip(log[column], log["click"], strict=True) if click == "1"
    )
    return {value: clicked[value] / count for value, count in shown.items() if count >= 500}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "benchmarks" / "generate.py")
    return children.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )


def test_the_shipped_sample_is_what_the_generator_makes() -> None:
    assert SAMPLE.read_bytes() == made(5_000), (
        "accept the change with: python benchmarks/generate.py --rows 5000 "
        "--out data/avazu_sample.csv"
    )


def test_header_is_avazus(log: Table) -> None:
    assert made(0) == f"{HEADER}\n".encode()
    assert ",".join(log) == HEADER
    assert len(log["id"]) == ROWS


def test_ids_are_unique_and_often_beyond_int64(log: Table) -> None:
    ids = log["id"]
    assert len(set(ids)) == ROWS
    assert all(text == str(int(text)) and int(text) < 2**64 for text in ids)
    assert {len(text) for text in ids} == {19, 20}
    assert sum(int(text) > 2**63 - 1 for text in ids) > ROWS / 2


def test_240_hours_in_order(log: Table) -> None:
    days = range(141021, 141031)
    assert sorted(set(log["hour"])) == [f"{day}{hour:02d}" for day in days for hour in range(24)]
    assert log["hour"] == sorted(log["hour"])


def test_a_file_shorter_than_its_hours_still_spreads_over_them() -> None:
    hours = [line.split(b",")[2] for line in made(3).splitlines()[1:]]
    assert hours == [b"14102100", b"14102408", b"14102716"]


def test_click_rate(log: Table) -> None:
    assert set(log["click"]) == {"0", "1"}
    assert 0.14 < log["click"].count("1") / ROWS < 0.20


@pytest.mark.parametrize("column", ["site_id", "app_id", "device_model", "C14"])
def test_a_model_can_learn_from(log: Table, column: str) -> None:
    rates = clicks_by(log, column).values()
    assert max(rates) > 1.5 * min(rates)


def test_a_model_can_learn_from_the_hour_of_the_day(log: Table) -> None:
    rates = clicks_by({**log, "hour": [hour[-2:] for hour in log["hour"]]}, "hour").values()
    assert len(rates) == 24
    assert max(rates) > 1.3 * min(rates)


@pytest.mark.parametrize("column", HEX_COLUMNS)
def test_hexadecimal_columns(log: Table, column: str) -> None:
    assert all(re.fullmatch("[0-9a-f]{8}", value) for value in set(log[column]))


@pytest.mark.parametrize("column", [c for c in VOCABULARY_SIZES if c not in HEX_COLUMNS])
def test_numeric_columns(log: Table, column: str) -> None:
    assert all(re.fullmatch("-1|0|[1-9][0-9]*", value) for value in set(log[column]))


@pytest.mark.parametrize("column", generate.COLUMNS, ids=lambda column: column.name)
def test_vocabulary_has_the_real_size(column: generate.Column) -> None:
    size = VOCABULARY_SIZES[column.name]
    assert (column.size or len(set(column.texts))) == size
    ranks = generate._ranks(np.array([0.0, np.nextafter(1.0, 0.0)]), column)
    assert ranks.tolist() == [0, size - 1]


def test_frequent_values_and_long_tails(log: Table) -> None:
    heads = {name: Counter(values).most_common(1)[0] for name, values in log.items()}
    assert heads["device_id"][0] == "a99f214a"
    assert 0.81 < heads["device_id"][1] / ROWS < 0.83
    assert heads["C20"][0] == "-1"
    assert len(set(log["device_ip"])) > ROWS / 2
    assert 500 < len(set(log["site_id"])) < 4_737


def test_a_row_has_a_site_or_an_app(log: Table) -> None:
    for site, app in zip(log["site_id"], log["app_id"], strict=True):
        assert (site == "85f751fd") != (app == "ecad2386")


def test_another_seed_draws_other_rows_of_the_same_vocabulary() -> None:
    assert made(1_000, seed=1) == made(1_000, seed=1)
    first, second = (made(1_000, seed).splitlines()[1:] for seed in (0, 1))
    assert not set(first) & set(second)
    ids, others = ({line.split(b",")[0] for line in lines} for lines in (first, second))
    assert not ids & others
    assert all(any(b",85f751fd," in line for line in lines) for lines in (first, second))


def test_block_size_does_not_change_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = made(1_000)
    monkeypatch.setattr(generate, "BLOCK_ROWS", 77)
    assert made(1_000) == expected


def test_gzip_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    generate.write(path, 1_000)
    assert gzip.decompress(path.read_bytes()) == made(1_000)
    assert list(tmp_path.iterdir()) == [path]


def test_command_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    done = run("--rows", "10", "--out", str(path), "--seed", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.read_bytes() == made(10, seed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "-5"], "argument --rows: should be a whole number, 0 or more (got '-5')"),
        (["--rows", "1e6"], "argument --rows: should be a whole number, 0 or more (got '1e6')"),
        (
            ["--rows", "5", "--out", "no/such/log.csv"],
            "argument --out: cannot write no/such/log.csv: No such file or directory",
        ),
    ],
)
def test_wrong_arguments(
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["generate.py", "--out", "log.csv", *arguments])
    with pytest.raises(SystemExit) as stop:
        generate.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"generate.py: error: {message}"
