"""Fill gaps, scale numbers and one-hot encode words, learned from the training rows alone."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

INPUT = "/opt/ml/processing/input/customers/customers.csv"
OUTPUT = Path("/opt/ml/processing/output")
LABEL = "churned"
NUMBERS, WORDS = ["age", "visits"], ["city", "plan"]


def preprocessor() -> ColumnTransformer:
    """Return what is to be learned."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)])


def learned(fitted: ColumnTransformer) -> dict[str, object]:
    """Return all that it has learned as JSON: no other version of scikit-learn needs a pickle."""
    (fill, scale), (common, encode) = (
        [step for _, step in fitted.named_transformers_[name].steps]
        for name in ("numbers", "words")
    )
    return {
        "numbers": {
            name: {"median": median, "mean": mean, "scale": by}
            for name, median, mean, by in zip(
                NUMBERS, fill.statistics_, scale.mean_, scale.scale_, strict=True
            )
        },
        "words": {
            name: {"most_frequent": word, "categories": list(categories)}
            for name, word, categories in zip(
                WORDS, common.statistics_, encode.categories_, strict=True
            )
        },
    }


def main() -> None:
    """Read, learn and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--test-size", type=float, default=0.2)
    arguments = parser.parse_args()

    customers = pd.read_csv(INPUT)
    parts = train_test_split(
        customers, test_size=arguments.test_size, random_state=0, stratify=customers[LABEL]
    )
    chain = preprocessor().fit(parts[0])
    for name, part in zip(("train", "test"), parts, strict=True):
        rows = np.column_stack([part[LABEL], chain.transform(part)])
        np.savetxt(OUTPUT / name / f"{name}.csv", rows, delimiter=",", fmt="%.6g")
        print(f"{name}: {rows.shape[0]} rows, {rows.shape[1] - 1} features")
    file = OUTPUT / "preprocessor" / "preprocessor.json"
    file.write_text(json.dumps(learned(chain), indent=2) + "\n")


if __name__ == "__main__":
    main()
