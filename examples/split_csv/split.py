"""Split customers into training, validation and test data for SageMaker's own algorithms.

These want CSV with the label in the first column and no header.
"""

import argparse
from pathlib import Path

import pandas as pd

INPUT = Path("/opt/ml/processing/input/customers")
OUTPUT = Path("/opt/ml/processing/output")
LABEL, ID = "churned", "customer"


def main() -> None:
    """Read, split and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=float, default=0.7)
    parser.add_argument("--validation", type=float, default=0.15)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    files = sorted(INPUT.glob("*.csv"))
    customers = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    customers = pd.get_dummies(customers.drop(columns=ID), columns=["city", "plan"], dtype=int)
    customers.insert(0, LABEL, customers.pop(LABEL))
    customers = customers.sample(frac=1, random_state=arguments.seed)

    first = round(arguments.train * len(customers))
    second = first + round(arguments.validation * len(customers))
    parts = {
        "train": customers.iloc[:first],
        "validation": customers.iloc[first:second],
        "test": customers.iloc[second:],
    }
    for name, part in parts.items():
        part.to_csv(OUTPUT / name / f"{name}.csv", index=False, header=False)
        print(f"{name}: {len(part)} rows, {part.shape[1] - 1} features")


if __name__ == "__main__":
    main()
