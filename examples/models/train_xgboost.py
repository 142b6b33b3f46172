"""Boosted trees on counts, which XGBoost reads from the CSV parts as SageMaker's own does.

python train_xgboost.py outputs/counts
"""

import sys
from pathlib import Path

import pandas as pd
import xgboost
from sklearn.metrics import roc_auc_score

ROUNDS = 30


def rows(folder: str, channel: str) -> xgboost.DMatrix:
    """Read all parts of a channel: the label comes first, then the features."""
    parts = sorted(Path(folder, channel).glob("part-*.csv"))
    table = pd.concat([pd.read_csv(part, header=None) for part in parts])
    return xgboost.DMatrix(table.iloc[:, 1:], label=table[0])


def main(folder: str) -> float:
    """Train on the channel train, judge on validation; return the area under the ROC curve."""
    train, validation = rows(folder, "train"), rows(folder, "validation")
    settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1}
    model = xgboost.train(settings, train, ROUNDS)
    return float(roc_auc_score(validation.get_label(), model.predict(validation)))


if __name__ == "__main__":
    print(f"AUC {main(sys.argv[1]):.3f}")
