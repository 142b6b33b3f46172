"""Judge a model on rows that it has not seen."""

import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.metrics import log_loss, roc_auc_score

INPUT = Path("/opt/ml/processing/input")
OUTPUT = Path("/opt/ml/processing/output")


def main() -> None:
    """Read the model and the rows, write the figures."""
    model = np.load(INPUT / "model/model.npz")
    parts = sorted((INPUT / "rows").glob("part-*.npz"))
    features = sp.vstack([sp.load_npz(part) for part in parts], "csr")
    labels = np.concatenate([np.load(part)["label"] for part in parts])
    scores = features @ model["weights"] + model["intercept"][0]
    chances = 1 / (1 + np.exp(-scores))
    figures = {"auc": roc_auc_score(labels, scores), "log_loss": log_loss(labels, chances)}
    (OUTPUT / "evaluation/evaluation.json").write_text(json.dumps(figures))
    print(f"judged {len(labels)} rows, AUC {figures['auc']:.3f}")


if __name__ == "__main__":
    main()
