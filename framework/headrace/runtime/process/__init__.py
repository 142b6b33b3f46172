"""The process around a job: threads, signals, progress lines, packages, final message.

In: work to be done and signals from outside. Out: results in order, progress on stdout, and the
failure message in ``/opt/ml/output/message``.
"""
