"""Boosted trees on ids, from NumPy's arrays: every column is a category.

python train_lightgbm.py outputs/ids
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.metrics import roc_auc_score

ROUNDS = 30


def arrays(folder: str, channel: str, name: str) -> np.ndarray:
    """Return one of the arrays of a channel, all parts one behind the other."""
    parts = sorted(Path(folder, channel).glob(f"part-*.{name}.npy"))
    return np.concatenate([np.load(part, mmap_mode="r") for part in parts])


def main(folder: str) -> float:
    """Train on the channel train, judge on validation; return the area under the ROC curve."""
    features = json.loads(Path(folder, "report/feature_map.json").read_text())
    names = [name for name, each in features.items() if each["kind"] == "categorical"]
    train = lightgbm.Dataset(
        arrays(folder, "train", "categorical"),
        arrays(folder, "train", "label"),
        feature_name=[f"c{number}" for number in range(len(names))],
        categorical_feature=list(range(len(names))),
    )
    settings = {"objective": "binary", "num_leaves": 15, "seed": 1, "verbose": -1}
    model = lightgbm.train(settings, train, ROUNDS)
    gains = sorted(zip(model.feature_importance("gain"), names, strict=True), reverse=True)
    print(", ".join(f"{name} {gain:.0f}" for gain, name in gains[:3]))
    ids, labels = (arrays(folder, "validation", name) for name in ("categorical", "label"))
    return float(roc_auc_score(labels, model.predict(ids)))


if __name__ == "__main__":
    print(f"AUC {main(sys.argv[1]):.3f}")
