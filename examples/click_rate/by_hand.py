"""Split ad impressions and hash their features with Python and NumPy alone.

The split and the hash look at the text of a row and at nothing else, so every process on every
machine finds the same. Python's own ``hash()`` of a text would change from process to process.
"""

import argparse
import csv
from array import array
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

import numpy as np

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


class Rows:
    """The rows of a channel, as a sparse matrix: the zeros of 65,536 columns take no room."""

    def __init__(self) -> None:
        self.labels, self.counts = array("f"), array("f")
        self.columns, self.ends = array("i"), array("i", [0])

    def add(self, label: str, columns: Iterator[int]) -> None:
        """Append a row; tokens that share a column are counted together."""
        counted = sorted(Counter(columns).items())
        self.columns.extend(column for column, _ in counted)
        self.counts.extend(count for _, count in counted)
        self.ends.append(len(self.columns))
        self.labels.append(float(label))

    def write(self, folder: Path, width: int) -> None:
        """Write what `scipy.sparse.load_npz` reads, and the labels beside it."""
        np.savez_compressed(
            folder / "features.npz",
            format=np.array(b"csr"),
            shape=np.array([len(self.labels), width]),
            data=np.array(self.counts, np.float32),
            indices=np.array(self.columns, np.int32),
            indptr=np.array(self.ends, np.int32),
        )
        np.save(folder / "labels.npy", np.array(self.labels, np.float32), allow_pickle=False)


def main() -> None:
    """Read row by row, and write at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=2**16)
    parser.add_argument("--train", type=float, default=0.8)
    arguments = parser.parse_args()

    channels = {name: Rows() for name in CHANNELS}
    for file in sorted(INPUT.glob("*.csv")):
        with file.open(newline="") as opened:
            for row in csv.DictReader(opened):
                is_train = hash_of(row[ID]) < arguments.train * 2**32
                columns = (hash_of(token) % arguments.features for token in tokens(row))
                channels[CHANNELS[not is_train]].add(row[LABEL], columns)
    for name, rows in channels.items():
        rows.write(OUTPUT / name, arguments.features)
        print(f"{name}: {len(rows.labels)} rows, {len(rows.columns)} values")


if __name__ == "__main__":
    main()
