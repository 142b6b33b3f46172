"""Fit a logistic regression to hashed rows, and report how well it knows them."""

import argparse
import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

ROWS = Path("/opt/ml/processing/input/rows")
OUTPUT = Path("/opt/ml/processing/output")


def main() -> None:
    """Read the parts, fit, write the weights and a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--strength", type=float, default=1.0)
    arguments = parser.parse_args()

    parts = sorted(ROWS.glob("part-*.npz"))
    features = sp.vstack([sp.load_npz(part) for part in parts], "csr")
    labels = np.concatenate([np.load(part)["label"] for part in parts])
    model = LogisticRegression(C=arguments.strength, max_iter=1000).fit(features, labels)
    auc = roc_auc_score(labels, model.decision_function(features))
    np.savez(OUTPUT / "model/model.npz", weights=model.coef_[0], intercept=model.intercept_)
    report = json.dumps({"auc": round(float(auc), 6), "rows": len(labels)})
    (OUTPUT / "report/metrics.json").write_text(report)
    print(f"fitted {len(labels)} rows, AUC {auc:.3f}")


if __name__ == "__main__":
    main()
