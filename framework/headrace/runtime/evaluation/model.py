"""The models: scikit-learn's stochastic gradient descent, and the logistic regression by it.

The only module that imports scikit-learn, and not before it is used.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from headrace.runtime.chain.chain import ChainError
from headrace.runtime.errors import DataError
from headrace.runtime.evaluation.judge import probabilities
from headrace.runtime.evaluation.rows import BATCH_ROWS, DECIMALS, Floats, Rows
from headrace.runtime.process.setup import without_pandas
from headrace.runtime.process.shortage import require_memory
from headrace.runtime.spec import EvaluationSpec

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_DECAY = 0.1
"""The learning rate falls with ``rows ** -_DECAY``, which suits 1,000 rows as well as 10**8."""
_CLASSES = (0, 1)
_IMPORT_BYTES = 160 << 20
"""Address space that importing scikit-learn takes at least, with one thread. OpenBLAS, which comes
with it, never ends to ask for its buffers if there is none."""
_FARTHEST = 32.0
_HALVINGS = 40
"""As many leave an interval of less than 1e-10."""


class Sgd:
    """A linear model whose weights are the average over all steps of gradient descent.

    Averaging (Polyak, Juditsky: Acceleration of Stochastic Approximation by Averaging, SIAM J.
    Control Optim. 30, 1992) is what lets one pass come close to the optimum. float64, since the
    average is a sum of as many small steps as there are rows.

    The learning rate is divided by the rows' mean squared length, so that it means the same for 3
    columns and for 300. Beyond 8 nothing converges: the curvature of the loss is up to a quarter of
    that length (Böhning, Lindsay: Monotonicity of Quadratic-Approximation Algorithms, Ann. Inst.
    Stat. Math. 40, 1988), and a step longer than 2 divided by the curvature leads away.

    Args:
        spec: Its parameters.
    """

    algorithm: ClassVar[str]
    """Name of scikit-learn's class."""
    loss: ClassVar[str]
    curvature: ClassVar[float] = 1.0
    """Of the loss, in relation to the logistic loss's."""

    def __init__(self, spec: EvaluationSpec) -> None:
        require_memory(_IMPORT_BYTES)
        with without_pandas():  # scikit-learn takes a quarter longer with it
            from sklearn import linear_model
            from threadpoolctl import ThreadpoolController

        self.sgd = getattr(linear_model, self.algorithm)(
            loss=self.loss,
            penalty="l2",
            alpha=spec.alpha,
            learning_rate="invscaling",
            power_t=_DECAY,
            average=True,
            random_state=0,
        )
        self.rows = 0
        self._spec = spec
        # BLAS only scales the weights here. Its threads would wait for each other in a loop that
        # takes a core away from reading and hashing.
        self._blas = ThreadpoolController()

    def fit(self, rows: Rows, labels: Floats, **more: Any) -> None:
        """Take one step for each row, in an order that only depends on their number.

        Raises:
            DataError: There is no memory for so many weights.
        """
        if not self.rows:
            rate = self._spec.learning_rate / self.curvature
            self.sgd.set_params(eta0=rate / _length(rows))
        self.rows += len(labels)
        try:
            with self._blas.limit(limits=1, user_api="blas"):
                self.sgd.partial_fit(self.matrix(rows), labels, **more)
        except MemoryError as error:
            raise DataError(
                f"evaluation: no memory for {rows.n_features:,} weights; choose a smaller "
                "transform.n_features or a larger instance"
            ) from error

    def matrix(self, rows: Rows) -> csr_matrix:
        """Return rows as scikit-learn takes them."""
        from scipy.sparse import csr_matrix

        shape = len(rows.labels), rows.n_features
        return csr_matrix((rows.values, rows.indices, rows.offsets), shape, copy=False)

    def described(self) -> dict[str, Any]:
        """Return what `report/evaluation.json` says of it."""
        import sklearn

        keys = ("loss", "penalty", "alpha", "learning_rate", "eta0", "power_t", "average")
        parameters = self.sgd.get_params()
        parameters["eta0"] = round(parameters["eta0"], DECIMALS)
        return {
            "algorithm": f"sklearn.linear_model.{self.algorithm}",
            "passes": self._spec.passes,
            "batch_rows": BATCH_ROWS,
            "parameters": {key: parameters[key] for key in keys},
            "scikit_learn": sklearn.__version__,
        }


class Model(Sgd):
    """Logistic regression.

    The average predicts too few of the rarer label. Steps are long, so the weights move about: the
    mean of the predictions on their way agrees with the labels, and the prediction of the mean
    weights is less (Jensen's inequality: the logistic function is convex below ½). Therefore the
    intercept is moved at the end, by what makes the mean prediction right on the last rows.

    Args:
        spec: Its parameters.
    """

    algorithm = "SGDClassifier"
    loss = "log_loss"

    def __init__(self, spec: EvaluationSpec) -> None:
        super().__init__(spec)
        self._last: deque[Rows] = deque(maxlen=2)
        self._correction = 0.0

    def learn(self, rows: Rows) -> None:
        """Take one step for each row; see `Sgd`."""
        self.fit(rows, rows.labels, classes=_CLASSES)
        self._last.append(rows)

    def settle(self) -> None:
        """Move the intercept once all rows have been learned from."""
        scores = np.concatenate([self.scores(rows) for rows in self._last])
        labels = np.concatenate([rows.labels for rows in self._last])
        self._last.clear()
        self._correction = correction_of(scores, float(labels.mean()))
        self.sgd.intercept_ = self.sgd.intercept_ + self._correction

    def scores(self, rows: Rows) -> Floats:
        """Return the log-odds of a 1 for each row."""
        return np.asarray(self.sgd.decision_function(self.matrix(rows)), np.float64)

    def described(self) -> dict[str, Any]:
        """Return what `report/evaluation.json` says of it."""
        correction = {"intercept_correction": round(self._correction, DECIMALS)}
        return {**super().described(), **correction}


def correction_of(scores: Floats, base_rate: float) -> float:
    """Return what to add to log-odds so that the mean prediction is the base rate.

    Args:
        scores: Log-odds, shape (rows,).
        base_rate: Mean of the labels; nothing is added where all of them are the same.
    """
    low, high = -_FARTHEST, _FARTHEST
    if not 0 < base_rate < 1:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_less = float(probabilities(scores + middle).mean()) < base_rate
        low, high = (middle, high) if is_less else (low, middle)
    return (low + high) / 2


def require() -> None:
    """Make sure that scikit-learn is here, where the rows will be.

    Raises:
        ChainError: It is not.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ChainError(
            "evaluation",
            "there is no scikit-learn here. AWS's image (backend=sklearn) and those of containers/ "
            "have it; add scikit-learn to your own, or use evaluation=none",
        )


def _length(rows: Rows) -> float:
    """Return the mean squared length of the rows; 1 where they hold nothing."""
    return float(np.square(rows.values).sum()) / len(rows.labels) or 1.0
