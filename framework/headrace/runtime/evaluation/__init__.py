"""The evaluation: trains a model on the hashed rows and judges it on the other channels.

In: the hashed rows of each channel, as they are written. Out: ``report/evaluation.json`` with log
loss, AUC, normalised entropy and calibration. Only this folder needs scikit-learn.
"""
