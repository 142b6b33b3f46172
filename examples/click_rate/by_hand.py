"""Split ad impressions and hash their features with Python alone, row by row.

The split and the hash look at the text of a row and at nothing else, so every process on every
machine finds the same. Python's own ``hash()`` of a text would change from process to process.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

INPUT = Path("/opt/ml/processing/input/train")
OUTPUT = Path("/opt/ml/processing/output")
LABEL, ID, TIME = "click", "id", "hour"
CHANNELS = ("train", "validation")


def hash_of(text: str) -> int:
    """Return a number of 32 bits."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def tokens(row: dict[str, str]) -> Iterator[str]:
    """Yield the features of a row: neither its label nor its id, and a time that recurs."""
    for column, text in row.items():
        if column not in (LABEL, ID, TIME) and text:
            yield f"{column}={text}"
    time = datetime.strptime(row[TIME], "%y%m%d%H")
    yield f"hour_of_day={time.hour}"
    yield f"day_of_week={time.weekday()}"


def line_of(label: str, columns: Iterator[int]) -> str:
    """Return a row in LibSVM's format; tokens that share a column are counted together."""
    counts = sorted(Counter(columns).items())
    return " ".join([label, *(f"{column}:{count}" for column, count in counts)]) + "\n"


def main() -> None:
    """Read, split, hash and write, a row at a time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=2**16)
    parser.add_argument("--train", type=float, default=0.8)
    arguments = parser.parse_args()

    numbers = dict.fromkeys(CHANNELS, 0)
    with ExitStack() as files:
        written = {
            name: files.enter_context((OUTPUT / name / "rows.libsvm").open("w"))
            for name in CHANNELS
        }
        for file in sorted(INPUT.glob("*.csv")):
            opened = files.enter_context(file.open(newline=""))
            for row in csv.DictReader(opened):
                is_train = hash_of(row[ID]) < arguments.train * 2**32
                columns = (hash_of(token) % arguments.features for token in tokens(row))
                name = CHANNELS[not is_train]
                written[name].write(line_of(row[LABEL], columns))
                numbers[name] += 1
    for name, number in numbers.items():
        print(f"{name}: {number} rows")


if __name__ == "__main__":
    main()
