"""Split customers into those to learn from and those to judge by."""

import argparse
import csv
import zlib
from pathlib import Path

INPUT = Path("/opt/ml/processing/input/customers/customers.csv")
OUTPUT = Path("/opt/ml/processing/output")


def main() -> None:
    """Read, split by a checksum of the customer, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=0.8)
    arguments = parser.parse_args()

    with INPUT.open(newline="") as file:
        header, *rows = csv.reader(file)
    parts: dict[str, list[list[str]]] = {"train": [], "test": []}
    for row in rows:
        is_train = zlib.crc32(row[0].encode()) < arguments.share * 2**32
        parts["train" if is_train else "test"].append(row)
    for name, part in parts.items():
        with (OUTPUT / name / "customers.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *part])
        print(f"{name}: {len(part)} customers")


if __name__ == "__main__":
    main()
