"""Judge a model on a test set, and write what a SageMaker pipeline's condition can read."""

import json
import tarfile
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

MODEL = "/opt/ml/processing/model/model.tar.gz"
TEST = "/opt/ml/processing/test/test.csv"
EVALUATION = Path("/opt/ml/processing/evaluation")


def main() -> None:
    """Load the model, score the rows and write ``evaluation.json``."""
    with tarfile.open(MODEL) as archive:
        member = archive.extractfile("model.json")
        if member is None:
            raise SystemExit(f"{MODEL} has no file model.json")
        model = json.load(member)

    rows = np.loadtxt(TEST, delimiter=",", ndmin=2)
    labels, features = rows[:, 0], rows[:, 1:]
    scores = 1 / (1 + np.exp(-(features @ model["weights"] + model["intercept"])))

    metrics = {
        "accuracy": accuracy_score(labels, scores > 0.5),
        "auc": roc_auc_score(labels, scores),
        "log_loss": log_loss(labels, scores),
    }
    report = {
        "binary_classification_metrics": {
            name: {"value": round(float(value), 6), "standard_deviation": "NaN"}
            for name, value in metrics.items()
        }
    }
    EVALUATION.mkdir(parents=True, exist_ok=True)
    (EVALUATION / "evaluation.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"auc {metrics['auc']:.3f} on {len(rows)} rows")


if __name__ == "__main__":
    main()
