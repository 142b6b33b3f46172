"""The scripts that people write today for encoded rows, timed against headrace.

    python benchmarks/by_hand.py vocabulary avazu_1m.csv out/

Read everything as text, split it, learn from the training rows with pandas or scikit-learn, write
both channels. `counts` and `target` write CSV with the label first, `vocabulary` NumPy's arrays.
pandas parses with Arrow, which is its fastest way; scikit-learn's encoders have their own options.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

LABEL, NOT_FEATURES = "click", ["id", "click"]


def vocabulary(folder: Path, parts: dict[str, tuple[pd.DataFrame, pd.Series]]) -> None:
    """Write int32 ids: 0 a null, 1 a value that no training row has."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-2,
        dtype=np.int32,
    )
    encoder.fit(parts["train"][0])
    for name, (features, label) in parts.items():
        np.save(folder / f"{name}.categorical.npy", encoder.transform(features) + 2)
        np.save(folder / f"{name}.label.npy", label.to_numpy(np.float32))


def counts(folder: Path, parts: dict[str, tuple[pd.DataFrame, pd.Series]]) -> None:
    """Write how many training rows have each value."""
    train = parts["train"][0]
    known = {name: train[name].value_counts() for name in train}
    for name, (features, label) in parts.items():
        encoded = {
            column: features[column].map(known[column]).fillna(0).astype(int) for column in features
        }
        pd.DataFrame({LABEL: label} | encoded).to_csv(
            folder / f"{name}.csv", index=False, header=False
        )


def target(folder: Path, parts: dict[str, tuple[pd.DataFrame, pd.Series]]) -> None:
    """Write smoothed means of the label, out of fold for training rows."""
    folds = KFold(5, shuffle=True, random_state=0)
    encoder = TargetEncoder(smooth=10.0, target_type="continuous", cv=folds)
    encoder.set_output(transform="pandas")
    train, clicks = parts["train"]
    encoded = {"train": encoder.fit_transform(train, clicks)}
    encoded |= {name: encoder.transform(parts[name][0]) for name in parts if name != "train"}
    for name, features in encoded.items():
        features.insert(0, LABEL, parts[name][1])
        features.to_csv(folder / f"{name}.csv", index=False, header=False)


KINDS = {"vocabulary": vocabulary, "counts": counts, "target": target}


def main() -> None:
    """Read the command line, read the rows, split, encode and write."""
    parser = argparse.ArgumentParser(description="Encode a click log as people do it today.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("input", type=Path, help="CSV file with Avazu's header")
    parser.add_argument("output", type=Path, help="folder for the results")
    given = parser.parse_args()

    data = pd.read_csv(given.input, dtype=str, engine="pyarrow")
    features, label = data.drop(columns=NOT_FEATURES), data[LABEL].astype(int)
    x_train, x_test, y_train, y_test = train_test_split(
        features, label, test_size=0.2, random_state=0
    )
    given.output.mkdir(parents=True, exist_ok=True)
    KINDS[given.kind](given.output, {"train": (x_train, y_train), "test": (x_test, y_test)})


if __name__ == "__main__":
    main()
