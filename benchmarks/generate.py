"""Writes click logs of any length that look like Avazu's (nothing in them is real).

    python benchmarks/generate.py --rows 1000000 --out avazu_1m.csv

The header, the formats, the sizes of the vocabularies and the weight of the most frequent
value of a column are the real log's. The same rows and seed give the same bytes on every
machine: the draws are PCG64's raw integers, and what is made of them uses only integers and
correctly rounded `+ - * /`. The 240 hours are spread over all rows, so a short file is not
the beginning of a long one.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import GzipFile
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ranks = npt.NDArray[np.int64]
Uniforms = npt.NDArray[np.float64]

HOURS = 240
BLOCK_ROWS = 100_000
HOUR_TEXTS = np.array([f"14{1021 + h // 24}{h % 24:02d}," for h in range(HOURS)], dtype="S9")
# Two digits at a time: what a byte is in hexadecimal, what 0-9999 is in decimal.
HEX_BYTES = np.array([f"{byte:02x}" for byte in range(256)], dtype="S2").view(np.uint16)
FOUR_DIGITS = np.array([f"{number:04d}" for number in range(10_000)], dtype="S4")
# Ids are 63 random bits above this: 19 or 20 digits, most beyond int64, all below 2**64.
SMALLEST_ID = 8 * 10**18
# The odds of a click on a row whose values have no effect; puts the click rate near 17 %.
BASE_ODDS = 0.133
# Column -> how many times its best (and its worst) value multiplies (divides) those odds.
EFFECTS = {"site_id": 4.0, "app_id": 4.0, "device_model": 2.0, "C14": 3.0, "hour_of_day": 1.5}


@dataclass(frozen=True)
class Column:
    """A column, and the distribution of its values.

    Attributes:
        name: The name in the header.
        draw: The random number that decides. Columns that share one depend on each other, as
            a site and its domain do; `-place` is `1 - place`: a row has a site or an app.
        head: The share of the most frequent value.
        half: Half of all other rows fall on (about) this many of the other values.
        first: The most frequent value of a column of 8-digit hexadecimal ids.
        size: The number of such ids.
        texts: All values, the most frequent first, if they are not such ids.
    """

    name: str
    draw: str
    head: float
    half: float
    first: str = ""
    size: int = 0
    texts: tuple[str, ...] = ()


def _scattered(count: int, start: int, step: int) -> tuple[str, ...]:
    """Return `count` numbers from `start` on, `step` apart; frequency is no trend in them."""
    return tuple(str(start + step * (rank * 1009 % count)) for rank in range(count))


def _listed(texts: str) -> tuple[str, ...]:
    return tuple(texts.split())


COLUMNS = (
    Column("C1", "kind", 0.92, 0.4, texts=_listed("1005 1002 1010 1012 1007 1001 1008")),
    Column("banner_pos", "banner", 0.72, 0.02, texts=_listed("0 1 7 2 4 5 3")),
    Column("site_id", "place", 0.36, 5, "85f751fd", 4_737),
    Column("site_domain", "place", 0.37, 5, "c4e18dd6", 7_745),
    Column("site_category", "place", 0.41, 0.9, "50e219e0", 26),
    Column("app_id", "-place", 0.64, 9, "ecad2386", 8_552),
    Column("app_domain", "-place", 0.67, 2, "7801e8d9", 559),
    Column("app_category", "-place", 0.65, 0.4, "07d7df22", 36),
    Column("device_id", "device", 0.82, 400_000, "a99f214a", 2_686_408),
    Column("device_ip", "address", 0.005, 250_000, "6b9769f2", 6_729_486),
    Column("device_model", "model", 0.07, 70, "8a4875bd", 8_251),
    Column("device_type", "kind", 0.92, 0.4, texts=_listed("1 0 4 5 2")),
    Column("device_conn_type", "connection", 0.86, 0.6, texts=_listed("0 2 3 5")),
    Column("C14", "creative", 0.06, 100, texts=_scattered(2_626, 375, 9)),
    Column("C15", "creative", 0.93, 0.2, texts=_listed("320 300 216 728 120 1024 480 768")),
    Column("C16", "creative", 0.94, 0.3, texts=_listed("50 250 36 480 90 20 768 320 1024")),
    Column("C17", "creative", 0.11, 30, texts=_scattered(435, 112, 6)),
    Column("C18", "creative", 0.42, 2, texts=_listed("0 3 2 1")),
    Column("C19", "creative", 0.22, 5, texts=_scattered(68, 35, 28)),
    Column("C20", "channel", 0.47, 25, texts=("-1", *_scattered(171, 100_000, 1))),
    Column("C21", "creative", 0.22, 5, texts=_scattered(60, 13, 4)),
)
HEADER = ("id", "click", "hour", *(column.name for column in COLUMNS))
DRAWS = (*dict.fromkeys(column.draw.removeprefix("-") for column in COLUMNS), "click")
TEXTS = {
    column.name: np.array([f"{text}," for text in column.texts], dtype="S")
    for column in COLUMNS
    if column.texts
}


def _mixed(numbers: Ranks, salt: str) -> npt.NDArray[np.uint32]:
    """Scatter 32-bit numbers one to one (MurmurHash3's finaliser)."""
    h = numbers.astype(np.uint32) + np.uint32(zlib.crc32(salt.encode()))
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def _ranks(uniform: Uniforms, column: Column) -> Ranks:
    """Draw values by frequency: 0 with the probability `head`, then a Pareto tail.

    The tail inverts F(x) = sqrt(x / (x + 3 half)), cut at the last value: Zipf-like at its
    head (x**-0.5), thinner at its end (x**-2), one half at x = half, and free of logarithms,
    whose last bit depends on the machine.
    """
    others = (column.size or len(column.texts)) - 1
    scale = 3.0 * column.half
    square = np.maximum(uniform - column.head, 0.0) / (1.0 - column.head)
    square *= square * (others / (others + scale))
    rank = (scale * square / (1.0 - square)).astype(np.int64) + 1
    return np.where(uniform < column.head, 0, np.minimum(rank, others))


def _hex_cells(ranks: Ranks, column: Column) -> npt.NDArray[np.bytes_]:
    zero = _mixed(np.zeros(1, np.int64), column.name) ^ np.uint32(int(column.first, 16))
    values = (_mixed(ranks, column.name) ^ zero).astype(">u4")
    cells = np.full((len(ranks), 9), ord(","), np.uint8)
    cells[:, :8] = HEX_BYTES[values.view(np.uint8)].view(np.uint8).reshape(-1, 8)
    return cells.view("S9")[:, 0]


def _id_cells(rows: Ranks, seed: int) -> npt.NDArray[np.bytes_]:
    """Scatter the row numbers one to one over 63 bits, so that no id comes twice."""
    bits = np.uint64(2**63 - 1)
    h = (rows.astype(np.uint64) + np.random.PCG64(seed).random_raw(1)) & bits
    for multiplier in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        h = ((h ^ (h >> np.uint64(30))) * np.uint64(multiplier)) & bits
    rest = (h ^ (h >> np.uint64(31))) + np.uint64(SMALLEST_ID)
    cells = np.zeros((len(rows), 6), "S4")
    for group in (4, 3, 2, 1, 0):
        rest, last_digits = np.divmod(rest, np.uint64(10_000))
        cells[:, group] = FOUR_DIGITS[last_digits]
    cells[:, 5] = b","
    text = cells.view(np.uint8)
    text[text[:, 0] == ord("0"), 0] = 0
    return cells.view("S24")[:, 0]


def _clicks(uniform: Uniforms, ranks: dict[str, Ranks]) -> npt.NDArray[np.bool_]:
    """Draw the label from a logistic model: each value multiplies the odds of a click."""
    odds = np.full(len(uniform), BASE_ODDS)
    for name, strength in EFFECTS.items():
        luck = _mixed(ranks[name], f"effect of {name}") / 2.0**32
        odds *= (1.0 + (strength - 1.0) * luck) / (strength - (strength - 1.0) * luck)
    return uniform * (1.0 + odds) < odds


def blocks(rows: int, seed: int = 0) -> Iterator[bytes]:
    """Make the log: its header line, then blocks of whole lines.

    Args:
        rows: How many rows the log has.
        seed: Another seed draws other rows from the same vocabularies and click model.

    Yields:
        Pieces of a CSV file; memory does not depend on `rows`.
    """
    yield ",".join(HEADER).encode() + b"\n"
    streams = {draw: np.random.PCG64([seed, at]) for at, draw in enumerate(DRAWS)}
    for start in range(0, rows, BLOCK_ROWS):
        numbers = np.arange(start, min(start + BLOCK_ROWS, rows))
        draws = {
            draw: (stream.random_raw(len(numbers)) >> np.uint64(11)) * np.float64(2.0**-53)
            for draw, stream in streams.items()
        }
        draws["-place"] = 1.0 - draws["place"]
        yield _lines(numbers, numbers * HOURS // rows, draws, seed)


def _lines(numbers: Ranks, hours: Ranks, draws: dict[str, Uniforms], seed: int) -> bytes:
    ranks = {column.name: _ranks(draws[column.draw], column) for column in COLUMNS}
    ranks["hour_of_day"] = hours % 24
    clicks = _clicks(draws["click"], ranks)
    cells = {
        "id": _id_cells(numbers, seed),
        "click": np.array([b"0,", b"1,"])[clicks.astype(np.int64)],
        "hour": HOUR_TEXTS[hours],
    }
    for column in COLUMNS:
        known = TEXTS.get(column.name)
        rank = ranks[column.name]
        cells[column.name] = _hex_cells(rank, column) if known is None else known[rank]
    return _joined(cells)


def _joined(cells: dict[str, npt.NDArray[np.bytes_]]) -> bytes:
    """Lay the cells side by side, padded with NUL bytes, then delete those."""
    table = np.zeros(
        len(cells["id"]),
        dtype=[*((name, cells[name].dtype) for name in HEADER), ("end", "S1")],
    )
    for name, column in cells.items():
        table[name] = column
    table["end"] = b"\n"
    return table.tobytes().translate(None, b"\0").replace(b",\n", b"\n")


def write(path: Path, rows: int, seed: int = 0) -> None:
    """Writes a log; the file appears under its name when it is whole.

    Args:
        path: Where to; a name that ends in `.gz` is compressed.
        rows: How many rows.
        seed: See `blocks`.

    Raises:
        OSError: The file cannot be written.
    """
    aside = path.with_name(f".{path.name}.partial")
    with GzipFile(aside, "wb", mtime=0) if path.suffix == ".gz" else aside.open("wb") as file:
        file.writelines(blocks(rows, seed))
    aside.replace(path)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"should be a whole number, 0 or more (got {text!r})")
    return int(text)


def main() -> None:
    """Reads the command line and writes the file."""
    parser = argparse.ArgumentParser(description="Write a click log that looks like Avazu's.")
    parser.add_argument("--rows", type=_count, required=True, help="number of rows")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.csv or .csv.gz)")
    parser.add_argument("--seed", type=_count, default=0, help="another seed, other rows")
    given = parser.parse_args()
    try:
        write(given.out, given.rows, given.seed)
    except OSError as error:
        parser.error(f"argument --out: cannot write {given.out}: {error.strerror}")


if __name__ == "__main__":
    main()
