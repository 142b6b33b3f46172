"""The evaluation: trains a model on the rows of ``train`` and judges it on the other channels.

In: the rows of each channel, as they are written: hashed, or numbers and ids. Out:
``report/evaluation.json``, with log loss, AUC, normalised entropy and calibration, or with the
errors of a linear regression. Only this folder needs scikit-learn.
"""
