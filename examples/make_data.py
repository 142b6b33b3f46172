"""Make the data of the examples anew: the same bytes every time, with nothing but Python.

python examples/make_data.py
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import struct
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

CITIES = ("Basel", "Bern", "Chur", "Zug")
PLANS = ("free", "basic", "plus")
SITES = ("85f751fd", "1fbe01fe", "e151e245", "d9750ee7")
MODELS = ("8a4875bd", "1f0bc64f", "d787e91b", "76dc4769", "be6db1d7")
FEATURES, WEIGHTS, INTERCEPT = ("age", "visits", "spent"), (-0.05, 0.3, 0.02), 0.1
SIDE = 16
"""Pixels of an image in each direction."""


def main(root: Path) -> None:
    """Write all files below a folder like that of this file."""
    write_csv(root / "split_csv/data/customers.csv", customers(random.Random(1), 120))
    write_csv(root / "one_hot/data/customers.csv", with_gaps(random.Random(2), 120))
    write_csv(root / "evaluate/data/test.csv", test_rows(random.Random(3), 100))
    write(root / "evaluate/data/model.tar.gz", model())
    write_csv(root / "join/data/customers.csv", customers(random.Random(4), 20))
    for month in ("2026-01", "2026-02"):
        write_csv(root / f"join/data/orders/{month}.csv", orders(random.Random(month), month))
    for number in range(6):
        write(root / f"images/data/{number:02}.png", png(random.Random(number)))
    write_csv(root / "click_rate/data/clicks.csv", clicks(random.Random(5), 150))
    for number, day in enumerate(("2014-10-21", "2014-10-22")):
        write_csv(root / f"ctr/data/{day}/clicks.csv", clicks(random.Random(6 + number), 400))
    write_csv(root / "three_scripts/data/customers.csv", customers(random.Random(8), 120))


def customers(chance: random.Random, number: int) -> Iterator[Sequence[object]]:
    """Yield a header and rows of customers, some of whom have left."""
    yield "customer", "age", "city", "plan", "visits", "churned"
    for customer in range(number):
        visits = chance.randrange(30)
        churned = int(chance.random() < 0.6 - visits / 50)
        age, city, plan = chance.randrange(18, 80), chance.choice(CITIES), chance.choice(PLANS)
        yield f"c{customer:04}", age, city, plan, visits, churned


def with_gaps(chance: random.Random, number: int) -> Iterator[Sequence[object]]:
    """Yield customers of whom not everything is known."""
    header, *rows = customers(chance, number)
    yield header
    for customer, *known, churned in rows:
        yield customer, *("" if chance.random() < 0.1 else cell for cell in known), churned


def test_rows(chance: random.Random, number: int) -> Iterator[Sequence[object]]:
    """Yield rows without a header whose label, in front, the model mostly finds."""
    for _ in range(number):
        cells = (chance.randrange(18, 80), chance.randrange(10), chance.randrange(100))
        score = INTERCEPT + sum(weight * cell for weight, cell in zip(WEIGHTS, cells, strict=True))
        yield int(score + chance.gauss(0, 1) > 0), *cells


def orders(chance: random.Random, month: str) -> Iterator[Sequence[object]]:
    """Yield a header and the orders of a month; some customers have none, some are unknown."""
    yield "order", "customer", "amount"
    for number in range(40):
        yield f"{month}-{number:03}", f"c{chance.randrange(24):04}", chance.randrange(5, 200)


def clicks(chance: random.Random, number: int) -> Iterator[Sequence[object]]:
    """Yield a header and impressions like those of Avazu, whose ids no float can hold."""
    yield "id", "click", "hour", "C1", "banner_pos", "site_id", "device_model"
    for _ in range(number):
        impression = chance.randrange(10**18, 2**64)
        hour = f"1410{chance.randrange(21, 31)}{chance.randrange(24):02}"
        what = (chance.choice((1005, 1002)), chance.randrange(2), chance.choice(SITES))
        yield impression, int(chance.random() < 0.2), hour, *what, chance.choice(MODELS)


def model() -> bytes:
    """Return a `model.tar.gz` with the weights of a logistic regression as JSON."""
    stated = {"features": FEATURES, "weights": WEIGHTS, "intercept": INTERCEPT}
    content = json.dumps(stated).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("model.json")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def png(chance: random.Random) -> bytes:
    """Return an image of one colour with some noise.

    Source: https://www.w3.org/TR/png-3/
    """
    colour = [chance.randrange(200) for _ in range(3)]
    row = [[level + chance.randrange(50) for level in colour * SIDE] for _ in range(SIDE)]
    pixels = b"".join(b"\0" + bytes(levels) for levels in row)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def write_csv(file: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write(file, text.getvalue().encode())


def write(file: Path, content: bytes) -> None:
    """Write a file and the folders that it lies in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
