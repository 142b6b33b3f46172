"""Split ad impressions and hash their features with scikit-learn, for the click-through rate.

Every cell is read as text: ids have more digits than a float, and 1005 is a name, not a number.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher
from sklearn.model_selection import train_test_split

INPUT = Path("/opt/ml/processing/input/train")
OUTPUT = Path("/opt/ml/processing/output")
LABEL, ID, TIME = "click", "id", "hour"


def features_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a model may learn from: neither the label nor the id, and a time that recurs."""
    times = pd.to_datetime(rows[TIME], format="%y%m%d%H")
    features = rows.drop(columns=[LABEL, ID, TIME])
    features["hour_of_day"] = times.dt.hour.astype(str)
    features["day_of_week"] = times.dt.day_of_week.astype(str)
    return features


def main() -> None:
    """Read, split, hash and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=2**16)
    parser.add_argument("--test-size", type=float, default=0.2)
    arguments = parser.parse_args()

    files = sorted(INPUT.glob("*.csv"))
    rows = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    parts = train_test_split(rows, test_size=arguments.test_size, random_state=0)
    # From {column: text} it makes tokens "column=text": the 1 of a column is not that of another.
    hasher = FeatureHasher(arguments.features, input_type="dict")
    for name, part in zip(("train", "validation"), parts, strict=True):
        hashed = hasher.transform(features_of(part).to_dict("records"))
        sparse.save_npz(OUTPUT / name / "features.npz", hashed)
        np.save(OUTPUT / name / "labels.npy", part[LABEL].to_numpy(np.float32), allow_pickle=False)
        print(f"{name}: {hashed.shape[0]} rows, {hashed.nnz} values")


if __name__ == "__main__":
    main()
