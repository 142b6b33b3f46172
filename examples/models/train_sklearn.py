"""Logistic regression on hashed rows, a batch at a time; then which tokens weigh most.

python train_sklearn.py outputs/hashed
"""

import sys

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score

from headrace import open_result

EPOCHS, SHOWN = 5, 5


def main(folder: str) -> float:
    """Train on the channel train, judge on validation; return the area under the ROC curve."""
    result = open_result(folder)
    model = SGDClassifier(loss="log_loss", alpha=1e-5, average=True)
    for epoch in range(EPOCHS):
        for batch in result.batches("train", 256, seed=epoch):
            model.partial_fit(batch.csr, batch.labels, classes=[0, 1])
    for index in np.argsort(-abs(model.coef_[0]))[:SHOWN]:
        tokens = ", ".join(map(str, result.explain(int(index))))
        print(f"{model.coef_[0][index]:+.2f}  {tokens}")
    validation = result.load("validation")
    return float(roc_auc_score(validation.labels, model.decision_function(validation.features)))


if __name__ == "__main__":
    print(f"AUC {main(sys.argv[1]):.3f}")
