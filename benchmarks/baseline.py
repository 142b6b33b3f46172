"""The script that people write today, timed against headrace.

    python benchmarks/baseline.py --input avazu_1m.csv --output out/

Read everything, split it, hash the rows as text, pickle the result. It is what tutorials show,
faults included: the id is hashed as if it was a feature (so there are 23 columns), and tokens carry
no column name, so that `1` is the same in every column.
"""

import argparse
import pickle
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction import FeatureHasher
from sklearn.model_selection import train_test_split


def main() -> None:
    """Reads the command line and writes `train.pkl` and `test.pkl`."""
    parser = argparse.ArgumentParser(description="Hash a click log as people do it today.")
    parser.add_argument("--input", type=Path, required=True, help="CSV file with Avazu's header")
    parser.add_argument("--output", type=Path, required=True, help="folder for the two pickles")
    args = parser.parse_args()

    data = pd.read_csv(args.input)
    features = data.drop(columns=["click"])
    x_train, x_test, y_train, y_test = train_test_split(
        features, data["click"], test_size=0.2, random_state=0
    )
    hasher = FeatureHasher(n_features=2**20, input_type="string")
    args.output.mkdir(parents=True, exist_ok=True)
    for name, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        hashed = hasher.transform(x.astype(str).values)
        with (args.output / f"{name}.pkl").open("wb") as file:
            pickle.dump((hashed, y.values), file)


if __name__ == "__main__":
    main()
